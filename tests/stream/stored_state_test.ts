// What operators store, byte for byte: state that an older version has written must be read by a newer one. Also their rows, of
// many events in disorder. Whatever changes stored_state.json makes users replay their tables.

import { assertEquals } from "@std/assert";
import {
  count,
  distinct,
  FanOut,
  hours,
  last,
  max,
  mean,
  min,
  minutes,
  type Output,
  quantile,
  seconds,
  StateBackend,
  Stream,
  sum,
} from "@freshet/stream";
import { Random } from "../support/simulation/random.ts";
import { type Event, event, Feed, xOf } from "./feed.ts";
import golden from "./stored_state.json" with { type: "json" };

type Build = (events: Stream<Event>) => Output<Event>;

const zones = ["Asia/Kolkata", "America/Los_Angeles"] as const;
const zoneOf = ({ key }: Event) => zones[key.length % 2]!;
const episodeNames = { count: "EVENT_COUNT", peak: "PEAK_VALUE" };
const spec = { N: count<Event>(), SUM: sum(xOf), LAST: last(xOf) };
const by = (events: Stream<Event>) => events.keyBy({ K: ({ key }) => key });

const OUTPUTS: Readonly<Record<string, Build>> = {
  "latest": (events) => by(events).latest("L", ({ x }) => ({ X: x })),
  "running": (events) => by(events).aggregate("R", { ...spec, MEAN: mean(xOf), D: distinct(xOf) }),
  "scan": (events) => by(events).scan("C", spec).into("CROWD", ({ totals }) => ({ ...totals })),
  "holding": (events) => by(events).holding(({ x }) => x > 5).episodes("A", { type: "HIGH", value: xOf, threshold: 5 }),
  "tumbling": (events) => by(events).tumbling(minutes(5)).aggregate("T", { ...spec, Q: quantile(xOf, 0.5) }),
  "two keys": (events) =>
    events.keyBy({ K: ({ key }) => key, ODD: ({ x }) => x % 2 === 1 }).tumbling(minutes(5)).aggregate("T2", spec),
  "local days": (events) => by(events).localDays("ZONE", zoneOf).aggregate("D", spec),
  "hopping": (events) => by(events).hopping(minutes(6), minutes(2)).aggregate("H", { ...spec, MIN: min(xOf) }),
  "cumulative": (events) => by(events).cumulative(minutes(30), minutes(2)).aggregate("CU", spec),
  "cumulative days": (events) => by(events).cumulativeDays("Asia/Kolkata", minutes(7)).aggregate("CD", spec),
  "window episodes": (events) =>
    by(events).hopping(minutes(4), minutes(2)).holding({
      contents: { N: count(), MAX: max(xOf) },
      trailingMs: minutes(8),
      gapMs: minutes(5),
      holds: ({ window, before }) => window.N * 2 > before.N,
    }).episodes("WE", { type: "BUSY", value: ({ window }) => window.N, also: { M: max(({ window }) => window.MAX) } }),
  "sessions": (events) => by(events).session(minutes(2)).aggregate("S", spec),
  "session episodes": (events) =>
    by(events.filter(({ x }) => x > 2)).session(minutes(2))
      .episodes("SE", { type: "LOW", value: xOf, least: true, also: { LAST: last(xOf) } }),
};

interface Pinned {
  readonly fingerprints: Readonly<Record<string, string>>;
  /** The first and the last changes that a few events store: `operator partition namespace key = value`. */
  readonly stored: readonly string[];
  /** A digest of all changes that many events store. */
  readonly storedDigest: string;
  /** A digest of the rows and late elements that many events make. */
  readonly rowsDigest: string;
}

/** Events in disorder over `minutesLong`, by few keys. */
function eventsOf(seed: number, n: number, minutesLong: number): Event[] {
  const random = new Random(seed);
  return Array.from({ length: n }, (_, i) => {
    const time = hours(480_000) + minutes(minutesLong) * i / n - (random.next() < 0.2 ? random.next() * minutes(9) : 0);
    return event(
      Math.round(time * 1000) / 1000,
      ["a", "[b", "ccc"][Math.floor(random.next() * 3)],
      Math.floor(random.next() * 11),
    );
  });
}

/** What `build` makes of the events: the operators' fingerprints, each batch's rows, late elements and stored changes. */
async function run(build: Build, events: readonly Event[], every: number) {
  const state = new StateBackend();
  const output = build(Stream.of({ state, allowedLatenessMs: minutes(3), episodeNames }));
  const fanOut = new FanOut<Event>([output.operator]);
  const feed = new Feed(seconds(30), 3);
  const said: string[] = [];
  const stored: string[][] = [];
  for (let i = 0, n = 0; i < events.length; i += every, n++) {
    const batch = feed.batch(events.slice(i, i + every), n % 3 === 2, n < 5, i + every >= events.length);
    const [answer] = await fanOut.push(batch);
    said.push(JSON.stringify([answer!.elements, batch.side.late]));
    if (!batch.early) continue;
    const deltas = state.drain().map(({ operator, partition, namespace, key, value }) =>
      `${operator} ${partition} ${namespace} ${key} = ${value}`
    );
    stored.push(deltas);
  }
  await fanOut.close();
  return { fingerprints: Object.fromEntries(state.fingerprints), said, stored };
}

async function sha256(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(hash).toHex();
}

async function pin(build: Build): Promise<Pinned> {
  const { fingerprints, stored } = await run(build, eventsOf(1, 60, 30), 5);
  const many = await run(build, eventsOf(2, 4000, 600), 16);
  return {
    fingerprints,
    stored: [stored.at(0), stored.at(-1)].flatMap((changes) => changes ?? []),
    storedDigest: await sha256(JSON.stringify(many.stored)),
    rowsDigest: await sha256(JSON.stringify(many.said)),
  };
}

const pinned: Readonly<Record<string, Pinned>> = golden;

for (const [name, build] of Object.entries(OUTPUTS)) {
  Deno.test(`${name}: fingerprints, stored bytes and rows are those of the versions before`, async () => {
    assertEquals(await pin(build), pinned[name]);
  });
}
