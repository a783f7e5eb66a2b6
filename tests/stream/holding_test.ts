// Stateful maps and the episodes of a condition that lasts: against plain loops, cut into random batches, with crashes between.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { AccumulatorRow } from "../../src/stream/accumulators.ts";
import { whileHolding } from "../../src/stream/holding.ts";
import { Keys } from "../../src/stream/key.ts";
import { scan } from "../../src/stream/scan.ts";
import { count, max, min, type Operator, type Scanned, StateBackend, sum } from "@freshet/stream";
import { propertyRuns } from "../support/simulation/runs.ts";
import { cuts, cutUp, events } from "./arbitraries.ts";
import { type Event, event, Feed, Harness, keyOf, type SessionResult, StoredState, xOf } from "./feed.ts";

const keys = new Keys({ k: keyOf });
const isHigh = ({ x }: Event) => x > 10;

const episodes = (state: StateBackend): Operator<Event, SessionResult> =>
  whileHolding({
    name: "high",
    keys,
    holds: isHigh,
    accumulators: new AccumulatorRow({ n: count<Event>(), peak: max(xOf) }),
    state,
  });

type ScannedEvent = Scanned<Event, { readonly sum: number; readonly least: number | null }>;
const scanning = (state: StateBackend): Operator<Event, ScannedEvent> =>
  scan({ name: "totals", keys, accumulators: new AccumulatorRow({ sum: sum(xOf), least: min(xOf) }), state });

/**
 * Runs the events through in batches; after the batches of those numbers the process dies, and what has come since the last
 * batch that asked for rows (a checkpoint) comes again to one that was restored. Hands every committed answer to `take`.
 */
async function run<T>(
  build: (state: StateBackend) => Operator<Event, T>,
  batches: readonly { readonly events: readonly Event[]; readonly emit: boolean }[],
  crashes: readonly number[],
  take: (answers: readonly T[]) => void,
): Promise<void> {
  const stored = new StoredState();
  const start = () => {
    const backend = new StateBackend();
    const harness = new Harness(build(backend));
    stored.restoreInto(backend);
    return { backend, harness };
  };
  let now = start();
  let since: Event[] = [];
  let answers: T[] = [];
  const feed = new Feed();
  for (const [i, { events, emit }] of batches.entries()) {
    since.push(...events);
    answers.push(...await now.harness.push(feed.batch(events, emit)));
    if (crashes.includes(i)) {
      await now.harness.close();
      now = start();
      answers = await now.harness.push(feed.batch(since, emit));
    }
    if (!emit) continue;
    take(answers);
    stored.take(now.backend.drain());
    [since, answers] = [[], []];
  }
  await now.harness.close();
}

const CRASHES = fc.array(fc.nat(20), { maxLength: 4 });

Deno.test("each element is answered with its key's totals up to it, whatever the batches and crashes", async () => {
  await fc.assert(
    fc.asyncProperty(events, cuts, CRASHES, async (list, cut, crashes) => {
      const batches = [...cutUp(list, cut), { events: [], emit: true }];
      const actual: ScannedEvent[] = [];
      await run(scanning, batches, crashes, (answers) => actual.push(...answers));
      const sums = new Map<string, { sum: number; least: number }>();
      const expected = list.map((value): ScannedEvent => {
        const before = sums.get(value.key) ?? { sum: 0, least: Infinity };
        const totals = { sum: before.sum + value.x, least: Math.min(before.least, value.x) };
        sums.set(value.key, totals);
        return { value, totals };
      });
      assertEquals(actual, expected);
    }),
    propertyRuns(200),
  );
});

interface Episode {
  readonly key: string;
  readonly start: number;
  last: number;
  n: number;
  peak: number;
  end: number | null;
}

/** What a plain loop makes of the events. */
function expectEpisodes(list: readonly Event[]): Episode[] {
  const all: Episode[] = [];
  const open = new Map<string, Episode>();
  for (const e of list) {
    const episode = open.get(e.key);
    if (!isHigh(e)) {
      if (episode) episode.end = Math.max(episode.last, e.time);
      open.delete(e.key);
    } else if (episode) {
      episode.last = Math.max(episode.last, e.time);
      episode.n++;
      episode.peak = Math.max(episode.peak, e.x);
    } else {
      const fresh = { key: e.key, start: e.time, last: e.time, n: 1, peak: e.x, end: null };
      open.set(e.key, fresh);
      all.push(fresh);
    }
  }
  return all;
}

const textOf = (episode: Episode) => JSON.stringify(Object.values(episode));

Deno.test("episodes are the runs of a key's elements of which the condition holds, each under an id of its own", async () => {
  await fc.assert(
    fc.asyncProperty(events, cuts, CRASHES, async (list, cut, crashes) => {
      const rows = new Map<string, SessionResult>();
      const batches = [...cutUp(list, cut), { events: [], emit: true }];
      await run(episodes, batches, crashes, (answers) => {
        for (const row of answers) {
          const id = `${row.key.k} ${row.id}`;
          const before = rows.get(id);
          if (before?.kind === "session") assert(!before.final, `${id} was over and has changed`);
          rows.set(id, row);
        }
      });
      const actual = [...rows.values()].map((row) => {
        assert(row.kind === "session");
        const { n, peak } = row.values as { n: number; peak: number };
        const end = row.final ? row.end : null;
        return textOf({ key: String(row.key.k), start: row.start, last: row.last, n, peak, end });
      });
      assertEquals(actual.toSorted(), expectEpisodes(list).map(textOf).toSorted());
    }),
    propertyRuns(200),
  );
});

Deno.test("an episode is given out when asked for while it lasts, and at once when it is over", async () => {
  const harness = new Harness(episodes(new StateBackend()));
  const feed = new Feed();
  const push = async (events: readonly Event[], emit: boolean) =>
    (await harness.push(feed.batch(events, emit))).map((row) => {
      assert(row.kind === "session");
      return `${row.id}: ${row.start}..${row.last} n=${row.values.n} ${row.final ? `over at ${row.end}` : "lasts"}`;
    });
  assertEquals(await push([event(1, "a", 20), event(2, "a", 30)], false), []);
  assertEquals(await push([], true), ["1: 1..2 n=2 lasts"]);
  assertEquals(await push([], true), [], "nothing has changed");
  assertEquals(await push([event(5, "a", 3)], false), ["1: 1..2 n=2 over at 5"]);
  assertEquals(await push([event(5, "a", 40), event(5, "a", 1), event(5, "a", 50)], true), [
    "5: 5..5 n=1 over at 5",
    "6: 5..5 n=1 lasts",
  ], "one that begins in the same millisecond has an id of its own");
  await harness.close();
});

Deno.test("what is open after a backfill is given out again as news, and what a backfill has ended is not", async () => {
  const state = new StateBackend();
  const harness = new Harness(episodes(state));
  const feed = new Feed();
  const rows = async (events: readonly Event[], backfill: boolean, of = harness) =>
    (await of.push(feed.batch(events, true, backfill))).map((row) =>
      row.kind === "session" ? [row.key.k, row.final, row.backfill] : row
    );
  assertEquals(await rows([event(1, "a", 20), event(2, "b", 20)], true), [["a", false, true], ["b", false, true]]);
  assertEquals(await rows([event(3, "b", 0)], true), [["b", true, true]]);
  assertEquals(await rows([], false), [["a", false, false]]);
  assertEquals(await rows([], false), []);
  const stored = new StoredState();
  stored.take(state.drain());
  await harness.close();

  const restored = new StateBackend();
  const after = new Harness(episodes(restored));
  stored.restoreInto(restored);
  assertEquals(await rows([], false, after), [["a", false, false]], "a start tells all that lasts");
  await after.close();
});

Deno.test("an element for which a function throws is reported, and begins no episode", async () => {
  const state = new StateBackend();
  const failing = () => {
    throw new Error("no number");
  };
  const accumulators = new AccumulatorRow({ peak: max<Event>(failing) });
  const harness = new Harness(whileHolding({ name: "high", keys, holds: isHigh, accumulators, state }));
  assertEquals(await harness.push(new Feed().batch([event(1, "a", 20)], true)), []);
  assertEquals([harness.failed, state.drain()], [[0], []]);
  await harness.close();
});
