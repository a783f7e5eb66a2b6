import { assertEquals } from "@std/assert";
import type { DomainStatus } from "../src/engine/status.ts";
import { setUpLogging } from "../src/logging.ts";
import { reportProgress } from "../src/progress_report.ts";
import { SteppingClock } from "./simulators/stepping_clock.ts";
import { domainStatus, partitionStatus } from "./support/status.ts";

/** Lines of a report on a domain that is like this after so many seconds, and is stopped at the end: second and message of each. */
async function told(seconds: number, at: (second: number) => Partial<DomainStatus>) {
  const clock = new SteppingClock(0);
  const stop = new AbortController();
  const lines: [second: number, message: string][] = [];
  const second = () => clock.now() / 1_000;
  setUpLogging({
    ...{ level: "info", format: "json", colors: false, secrets: [] },
    write: (text) => void lines.push([second(), JSON.parse(text).message]),
  });
  const sleep = clock.sleep.bind(clock);
  clock.sleep = (ms, signal) => {
    if (second() >= seconds) stop.abort();
    return sleep(ms, signal);
  };
  const statuses = () => [domainStatus({ lastCheckpointAt: 1, ...at(second()) })];
  await reportProgress({ statuses, clock, signal: stop.signal });
  return lines.map((
    [second, message],
  ) => [second, message.replace(/ accepted.*lag/, "… lag").replace(/, watermark.*/, "")]);
}

const records = (records: number, lag = 0): Partial<DomainStatus> => ({
  totals: { ...domainStatus().totals, records, accepted: records },
  partitions: [partitionStatus({ lag })],
});

Deno.test("a domain has a line every half a minute in which something came, and a last one", async () => {
  const lines = await told(95, (second) => records(Math.min(second, 40) * 10));
  assertEquals(lines, [
    [0, "0 records, 0… lag 0, 0/s"],
    [30, "300 records, 300… lag 0, 10/s"],
    [60, "400 records, 400… lag 0, 3.3/s"],
  ]);
});

Deno.test("a change is told at once: of the phase, the first dead letter, and when it has caught up", async () => {
  const lines = await told(20, (second) => {
    const trains = domainStatus({
      lastCheckpointAt: 1,
      ...records(second * 1_000, Math.max(0, 9_000 - second * 1_000)),
    });
    const deadLetters = second >= 12 ? second : 0;
    return { ...trains, totals: { ...trains.totals, deadLetters }, phase: second >= 15 ? "failed" : "running" };
  });
  assertEquals(lines.map(([second]) => second), [0, 9, 12, 15, 20]);
});
