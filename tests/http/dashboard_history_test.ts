// The history of the pipelines outlives a restart in a file, which is bounded, and may be cut off anywhere.
import { assert, assertEquals } from "@std/assert";
import { StatusHistory } from "../../src/http/dashboard/status_history.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { domainStatus, partitionStatus } from "../support/status.ts";

const MINUTE_MS = 60_000;

/** A run of the program, which has committed `records`. */
function started(clock: ManualClock, historyFile: string, records = () => 5) {
  return new StatusHistory({
    clock,
    historyFile,
    statuses: () => [
      domainStatus({
        totals: { ...domainStatus().totals, records: records() },
        partitions: [partitionStatus({ lag: 4 })],
      }),
    ],
    checkpointsOf: () => ({ checkpoints: 1, ms: 2, rows: 3 }),
    memory: () => 1_000,
  });
}

async function inFolder(body: (file: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(`${folder}/freshet.history.ndjson`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Samples every ten seconds, as the program does it. */
async function runFor(history: StatusHistory, clock: ManualClock, minutes: number): Promise<void> {
  for (let at = 0; at <= minutes * MINUTE_MS; at += 10_000) {
    history.sample();
    await clock.advance(10_000);
  }
}

Deno.test("a run goes on with the history of the one before, and tells which counted what", async () => {
  await inFolder(async (file) => {
    const clock = new ManualClock(1_000_000_000);
    await runFor(started(clock, file), clock, 30);
    await clock.advance(10 * MINUTE_MS);
    const again = started(clock, file, () => 7);
    const restartedAt = clock.now();
    await runFor(again, clock, 10);
    const { samples } = again.day(1);
    const before = samples.filter(({ at }) => at < restartedAt);
    assert(before.length >= 14, `${before.length} samples of before`);
    assertEquals(new Set(before.map(({ started_at, domains }) => `${started_at} ${domains.trains!.records}`)).size, 1);
    assertEquals(new Set(samples.map(({ started_at }) => started_at)), new Set([1_000_000_000, restartedAt]));
    assertEquals(samples.at(-1)!.domains.trains!.records, 7);
    if (Deno.build.os !== "windows") assertEquals((await Deno.stat(file)).mode! & 0o777, 0o600);
  });
});

Deno.test("what is older than a day is not shown, and the file does not grow for ever", async () => {
  await inFolder(async (file) => {
    const clock = new ManualClock(1_000_000_000);
    const history = started(clock, file);
    for (let n = 0; n < 2_000; n++) {
      history.sample();
      await clock.advance(2 * MINUTE_MS);
    }
    const lines = (await Deno.readTextFile(file)).trimEnd().split("\n").length;
    assert(lines >= 720 && lines <= 1_440, `${lines} lines`);
    await clock.advance(12 * 60 * MINUTE_MS);
    const { samples } = started(clock, file).day(24);
    assert(samples.length > 80 && samples[0]!.at >= clock.now() - 24 * 60 * MINUTE_MS);
    await clock.advance(24 * 60 * MINUTE_MS);
    assertEquals(started(clock, file).day(24).samples, []);
  });
});

Deno.test("a line that a kill has cut off, and what is no sample, are left out, and the next line is whole", async () => {
  await inFolder(async (file) => {
    const clock = new ManualClock(1_000_000_000);
    await runFor(started(clock, file), clock, 20);
    const text = await Deno.readTextFile(file);
    const whole = text.trimEnd().split("\n").length;
    await Deno.writeTextFile(file, `null\n{"at":1000000001}\n${text.slice(0, -30)}`);
    const history = started(clock, file);
    assertEquals(history.day(1).samples.length, whole - 1);
    await runFor(history, clock, 4);
    for (const line of (await Deno.readTextFile(file)).trimEnd().split("\n")) JSON.parse(line);
  });
});

Deno.test("a sample of a clock that was ahead does not keep out those that come", async () => {
  await inFolder(async (file) => {
    const ahead = new ManualClock(1_000_000_000 + 400 * 24 * 60 * MINUTE_MS);
    await runFor(started(ahead, file), ahead, 10);
    const clock = new ManualClock(1_000_000_000);
    const history = started(clock, file);
    await runFor(history, clock, 30);
    const kept = (await Deno.readTextFile(file)).trimEnd().split("\n").map((line) => JSON.parse(line).at);
    assert(kept.length >= 14 && kept.every((at) => at < clock.now()), kept.join());
  });
});

Deno.test("a folder that cannot be written costs nothing but the history after a restart", async () => {
  await inFolder(async (file) => {
    const clock = new ManualClock(1_000_000_000);
    const history = started(clock, `${file}/nowhere`);
    await runFor(history, clock, 10);
    assert(history.day(1).samples.length > 50);
  });
});
