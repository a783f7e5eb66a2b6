// What every operator keeps to: one batch out for each batch in, its source closed with it, and failures reported, not thrown.

import { assert, assertEquals } from "@std/assert";
import { AccumulatorRow } from "../../src/stream/accumulators.ts";
import { filter } from "../../src/stream/filter.ts";
import { flatMap } from "../../src/stream/flat_map.ts";
import { aggregateSessions, aggregateWindows } from "../../src/stream/aggregate_windows.ts";
import { hoppingWindows } from "../../src/stream/hopping_windows.ts";
import { Keys } from "../../src/stream/key.ts";
import { latest } from "../../src/stream/latest.ts";
import { map } from "../../src/stream/map.ts";
import { sessionWindows } from "../../src/stream/session_windows.ts";
import { localDayWindows } from "../../src/stream/local_day_windows.ts";
import { tumblingWindows } from "../../src/stream/tumbling_windows.ts";
import { type Batch, count, FanOut, type Operator, StateBackend, sum } from "@freshet/stream";
import { type Event, event, Feed, keyOf } from "./feed.ts";

const BAD = 13;
const isBad = ({ x }: Event) => {
  if (x === BAD) throw new Error("bad luck");
};
const keys = new Keys({ k: keyOf });
const badKeys = new Keys({ k: (e: Event) => (isBad(e), e.key) });
const accumulators = new AccumulatorRow({ n: count<Event>() });
const badSum = new AccumulatorRow({ sum: sum((e: Event) => (isBad(e), e.x)) });
const shared = () => ({ name: "op", keys, accumulators, state: new StateBackend(), allowedLatenessMs: 0 });
const windows = tumblingWindows<Event>(10);

/** Each operator, with a function that throws on events whose `x` is {@link BAD}. */
const operators: Readonly<Record<string, () => Operator<Event, unknown>>> = {
  "map": () => map("op", (e: Event) => (isBad(e), e)),
  "filter": () => filter("op", (e: Event) => (isBad(e), true)),
  "flatMap": () => flatMap("op", (e: Event) => (isBad(e), [e, e])),
  "flatMap of a generator that throws half way": () =>
    flatMap("op", function* (e: Event) {
      yield e;
      isBad(e);
    }),
  "latest, by its key": () => latest("op", badKeys, (e) => e),
  "latest, by its row": () => latest("op", new Keys({ k: (e: Event) => `${e.key}${e.x}` }), (e) => (isBad(e), e)),
  "tumbling windows, by their key": () => aggregateWindows({ ...shared(), keys: badKeys, windows }),
  "tumbling windows, by an accumulator": () => aggregateWindows({ ...shared(), windows, accumulators: badSum }),
  "local days, by their time zone": () =>
    aggregateWindows({ ...shared(), windows: localDayWindows((e: Event) => e.x === BAD ? "Nowhere/At_All" : "UTC") }),
  "hopping windows, by their key": () =>
    aggregateWindows({ ...shared(), keys: badKeys, windows: hoppingWindows(20, 5) }),
  "hopping windows, by an accumulator": () =>
    aggregateWindows({ ...shared(), windows: hoppingWindows(20, 5), accumulators: badSum }),
  "sessions, by their key": () => aggregateSessions({ ...shared(), keys: badKeys, windows: sessionWindows(5) }),
  "sessions, by an accumulator": () =>
    aggregateSessions({ ...shared(), windows: sessionWindows(5), accumulators: badSum }),
};

/** A source that says whether it was closed. */
class Source implements AsyncIterable<Batch<Event>> {
  closed = 0;
  readonly batches: readonly Batch<Event>[];

  constructor(feed: Feed, lists: readonly (readonly Event[])[]) {
    this.batches = lists.map((events) => feed.batch(events, true));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch<Event>> {
    try {
      for (const batch of this.batches) yield await Promise.resolve(batch);
    } finally {
      this.closed++;
    }
  }
}

const lists = [[event(1), event(3)], [], [event(25), event(26, "other")], [event(90)]];

for (const [name, make] of Object.entries(operators)) {
  Deno.test(`${name}: breaking off closes the source`, async () => {
    const source = new Source(new Feed(), lists);
    for await (const _ of make()(source)) break;
    assertEquals(source.closed, 1);
  });

  Deno.test(`${name}: an error of the consumer closes the source`, async () => {
    const source = new Source(new Feed(), lists);
    const stopped = await (async () => {
      for await (const _ of make()(source)) throw new Error("enough");
    })().catch((error: Error) => error.message);
    assertEquals(stopped, "enough");
    assertEquals(source.closed, 1);
  });

  Deno.test(`${name}: every batch is answered with one batch for the same position`, async () => {
    const source = new Source(new Feed(), lists);
    const positions: number[] = [];
    for await (const { nextOffset } of make()(source)) positions.push(nextOffset);
    assertEquals(positions, source.batches.map(({ nextOffset }) => nextOffset));
    assertEquals(source.closed, 1);
  });

  Deno.test(`${name}: an element for which a function throws is reported with its offset, and the rest go on`, async () => {
    const feed = new Feed();
    const source = new Source(feed, [[event(1, "new", BAD), event(2)], [event(3, "k", BAD), event(4)], [event(500)]]);
    let answers = 0;
    for await (const { elements } of make()(source)) answers += elements.length;
    assert(answers > 0);
    const failed = source.batches.flatMap(({ side }) =>
      side.failed.map(({ operator, partition, offset, error }) => {
        assert(error instanceof Error);
        return [operator, partition, offset];
      })
    );
    assertEquals(failed, [["op", 0, 0], ["op", 0, 2]]);
  });
}

Deno.test("map, filter and flatMap keep event time, offset and watermark of their elements", async () => {
  const fanOut = new FanOut<Event>([
    map("double", (e) => e.x * 2),
    filter("odd", (e) => e.x % 2 === 1),
    flatMap("twice", (e) => [e.x, e.x]),
  ]);
  const feed = new Feed(5);
  const batch = feed.batch([event(10, "k", 1), event(12, "k", 2)]);
  const answers = await fanOut.push(batch);
  await fanOut.close();
  const [first, second] = [{ time: 10, offset: 0, watermark: -Infinity }, { time: 12, offset: 1, watermark: 5 }];
  assertEquals<unknown>(answers.map(({ elements }) => elements), [
    [{ value: 2, ...first }, { value: 4, ...second }],
    [{ value: event(10, "k", 1), ...first }],
    [{ value: 1, ...first }, { value: 1, ...first }, { value: 2, ...second }, { value: 2, ...second }],
  ]);
});

Deno.test("a user's function is given the element and its partition", async () => {
  const fanOut = new FanOut<Event>([map("where", (e, { offset }, partition) => [e.x, offset, partition])]);
  const [answer] = await fanOut.push(new Feed(0, 7).batch([event(1, "k", 5)]));
  await fanOut.close();
  assertEquals<unknown>(answer!.elements.map(({ value }) => value), [[5, 0, 7]]);
});

Deno.test("a fan-out answers with one batch from each arm, in order, and closing it closes every arm", async () => {
  const closed: string[] = [];
  const arm = (name: string): Operator<Event, string> =>
    async function* (source) {
      try {
        for await (const batch of source) {
          yield {
            ...batch,
            elements: batch.elements.map((e) => ({ ...e, value: name })),
          };
        }
      } finally {
        closed.push(name);
      }
    };
  const fanOut = new FanOut<Event>([arm("a"), arm("b")]);
  for (const time of [1, 2]) {
    const answers = await fanOut.push(new Feed().batch([event(time)]));
    assertEquals<unknown>(answers.map(({ elements }) => elements.map(({ value }) => value)), [["a"], ["b"]]);
  }
  await fanOut.close();
  assertEquals(closed, ["a", "b"]);
});

Deno.test("a fan-out refuses an operator that takes two batches for one answer", async () => {
  const greedy: Operator<Event, Event> = async function* (source) {
    let first = true;
    for await (const batch of source) {
      if (!first) yield batch;
      first = false;
    }
  };
  const fanOut = new FanOut<Event>([greedy]);
  const message = await fanOut.push(new Feed().batch([event(1)])).then(() => "", (error: Error) => error.message);
  assertEquals(message, "Cannot give the operator a batch: it asked for the next one before it answered the last");
  await fanOut.close();
});

Deno.test("a fan-out closes every arm although closing one fails", async () => {
  const closed: string[] = [];
  const arm = (name: string): Operator<Event, Event> =>
    async function* (source) {
      using _ = {
        [Symbol.dispose]() {
          closed.push(name);
          if (name === "a") throw new Error("cannot close");
        },
      };
      yield* source;
    };
  const fanOut = new FanOut<Event>([arm("a"), arm("b")]);
  await fanOut.push(new Feed().batch([event(1)]));
  const message = await fanOut.close().then(() => "", (error: Error) => error.message);
  assertEquals(message, "cannot close");
  assertEquals(closed, ["a", "b"]);
});
