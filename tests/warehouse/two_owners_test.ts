// Two owners of one channel of Snowpipe Streaming, in every order of what they and the service can do: claim in SQL, open,
// check, append, look, store, commit, crash. What each does is decided by the code that the writer decides with; SQL, the
// service and the raw table are a model. In no state is a record in the raw table twice, or in it and a dead letter, or derived
// without being in one of them; and from every state there is a way on to the end.

import { assert, assertEquals } from "@std/assert";
import {
  after,
  type ChannelState,
  type Chunk,
  claimed,
  isStoredBefore,
  type News,
  nextStep,
} from "../../src/warehouse/snowflake/streaming/channel_state.ts";
import { decisionOn } from "../../src/engine/ingest.ts";

/** Rows that the service has taken and not stored. */
interface UnderWay {
  readonly first: number;
  readonly last: number;
  readonly offsets: readonly number[];
}

interface World {
  /** FRESHET_OFFSETS. */
  readonly epoch: number;
  readonly derived: number;
  /** Offsets of rows, each as often as it is there. */
  readonly raw: readonly number[];
  readonly dead: readonly number[];
  readonly sequencer: number;
  readonly rowSequencer: number;
  readonly token: number | null;
  readonly underWay: readonly UnderWay[];
  readonly owners: readonly Owner[];
  readonly crashes: number;
  readonly losses: number;
}

interface Owner {
  readonly phase: "idle" | "running" | "done";
  readonly channel: ChannelState;
  /** Sequencers of the continuation token. */
  readonly continuation: readonly [number, number];
  readonly derived: number;
  /** Rows that went ahead before, as it was told when it began. */
  readonly accepted: readonly number[] | undefined;
  readonly before: number;
  /** The next offset to read. */
  readonly next: number;
  /** Offsets that were read and are dead letters, not committed yet. */
  readonly condemned: readonly number[];
  /** Offsets of rows by chunk. */
  readonly claims: number;
}

/** The log: offset 0 is accepted or not, depending on the clock; offset 1 never is. */
const LOG_END = 3;
const CLAIMS = 2;
const CRASHES = 2;
const LOSSES = 1;

const NO_CHANNEL = claimed(0);
const IDLE: Owner = {
  ...{ phase: "idle", channel: NO_CHANNEL, continuation: [0, 0], derived: 0, accepted: undefined, before: 0, next: 0 },
  ...{ condemned: [], claims: 0 },
};
const START: World = {
  ...{ epoch: 0, derived: 0, raw: [], dead: [], sequencer: 0, rowSequencer: 0, token: null, underWay: [] },
  ...{ owners: [IDLE, IDLE], crashes: 0, losses: 0 },
};

type Moves = readonly (readonly [name: string, World])[];

function withOwner(world: World, who: number, changes: Partial<Owner>): World {
  return { ...world, owners: world.owners.map((owner, i) => i === who ? { ...owner, ...changes } : owner) };
}

function hear(world: World, who: number, news: News, changes: Partial<Owner> = {}): World {
  return withOwner(world, who, { ...changes, channel: after(world.owners[who]!.channel, news) });
}

/** Raises the epoch and reads where to go on, in one transaction. */
function claim(world: World, who: number): Moves {
  const { claims } = world.owners[who]!;
  if (claims >= CLAIMS) return [];
  const epoch = world.epoch + 1;
  const fresh = {
    ...IDLE,
    phase: "running",
    channel: claimed(epoch),
    derived: world.derived,
    claims: claims + 1,
  } as const;
  return [["claims", withOwner({ ...world, epoch }, who, fresh)]];
}

function open(world: World, who: number): Moves {
  const sequencer = world.sequencer + 1;
  const opened = { ...world, sequencer, rowSequencer: 0, underWay: [] };
  return [["opens", hear(opened, who, { kind: "opened", token: world.token }, { continuation: [sequencer, 0] })]];
}

/** Who finds its claim standing learns, the first time, what went ahead. */
function check(world: World, who: number): Moves {
  const checked = hear(world, who, { kind: "claim", epoch: world.epoch });
  const owner = checked.owners[who]!;
  if (owner.channel.phase === "lost") return [["is overtaken", withOwner(checked, who, { phase: "idle" })]];
  if (owner.channel.phase !== "owned" || owner.accepted !== undefined) return [["checks its claim", checked]];
  const { derived, channel: { stored } } = owner;
  const before = stored === null || stored < derived ? derived : stored + 1;
  const accepted = world.raw.filter((offset) => offset >= derived && offset < before);
  return [["checks its claim", withOwner(checked, who, { accepted, before, next: derived })]];
}

/** The next record is read: a dead letter, a row that is there already, or one more to append. */
function read(world: World, who: number): Moves {
  const owner = world.owners[who]!;
  const { next, accepted, before, condemned, channel } = owner;
  if (next >= LOG_END || channel.queue.length > 0) return [];
  const ranges = (accepted ?? []).map((offset) => ({ from: offset, to: offset + 1 }));
  const decision = decisionOn({ before, accepted: ranges }, next);
  const verdicts = next === 1
    ? [false]
    : decision !== undefined
    ? [decision === "accepted"]
    : next === 0
    ? [true, false]
    : [true];
  return verdicts.map((isAccepted): Moves[number] => {
    if (!isAccepted) {
      return [`reads ${next}: dead`, withOwner(world, who, { next: next + 1, condemned: [...condemned, next] })];
    }
    const went = withOwner(world, who, { next: next + 1 });
    if (next < before) return [`reads ${next}: there`, went];
    const chunk: Chunk = { first: next, last: next, rows: 1 };
    return [`reads ${next}`, hear(went, who, { kind: "added", chunk })];
  });
}

/** Takes the rows, if the continuation token is the one that is expected; the answer may be lost. */
function append(world: World, who: number, chunk: Chunk): Moves {
  const { continuation: [sequencer, row] } = world.owners[who]!;
  if (sequencer !== world.sequencer || row !== world.rowSequencer) {
    return [["is refused", hear(world, who, { kind: "refused" })]];
  }
  const taken = {
    ...world,
    rowSequencer: world.rowSequencer + 1,
    underWay: [...world.underWay, { ...chunk, offsets: [chunk.first] }],
  };
  const moves: [string, World][] = [
    [`appends ${chunk.first}`, hear(taken, who, { kind: "taken" }, { continuation: [sequencer, row + 1] })],
  ];
  // Sent again by the same token, it is refused: the owner knows no more than that.
  if (world.losses < LOSSES) {
    moves.push([
      "appends, and the answer is lost",
      hear({ ...taken, losses: world.losses + 1 }, who, { kind: "refused" }),
    ]);
  }
  return moves;
}

/** The unit of all that was read: only when its rows are stored. */
function commit(world: World, who: number): Moves {
  const { channel, next, derived, condemned } = world.owners[who]!;
  if (next === derived || !isStoredBefore(channel, next)) return [];
  if (channel.epoch !== world.epoch) return [["is fenced", withOwner(world, who, { phase: "idle" })]];
  assertEquals(world.derived, derived, "an epoch that stands has the offset that was claimed, or moved");
  const written = { ...world, derived: next, dead: [...world.dead, ...condemned] };
  const isDone = next === LOG_END;
  return [[
    `commits to ${next}`,
    withOwner(written, who, { derived: next, condemned: [], phase: isDone ? "done" : "running" }),
  ]];
}

function ownerMoves(world: World, who: number): Moves {
  const owner = world.owners[who]!;
  if (owner.phase === "done") return [];
  if (owner.phase === "idle") return claim(world, who);
  const step = nextStep(owner.channel);
  const moves: Moves[number][] = [];
  if (step.kind === "open") moves.push(...open(world, who));
  if (step.kind === "check the claim") moves.push(...check(world, who));
  if (step.kind === "append") moves.push(...append(world, who, step.chunk));
  if (step.kind === "look") moves.push(["looks", hear(world, who, { kind: "stored", token: world.token })]);
  assert(step.kind !== "stop", "never broken: tokens are ends of chunks");
  if (owner.accepted !== undefined) moves.push(...read(world, who), ...commit(world, who));
  if (world.crashes < CRASHES) {
    const crashed = withOwner({ ...world, crashes: world.crashes + 1 }, who, { phase: "idle", channel: NO_CHANNEL });
    moves.push(["crashes", crashed]);
  }
  return moves;
}

/** Everything that can happen next. */
function movesOf(world: World): Moves {
  const moves = [0, 1].flatMap((who) => ownerMoves(world, who).map(([name, to]) => [`${who} ${name}`, to] as const));
  const [first, ...rest] = world.underWay;
  if (first === undefined) return moves;
  const stored = { ...world, raw: [...world.raw, ...first.offsets], token: first.last, underWay: rest };
  return [...moves, ["the service stores", stored]];
}

function checkState({ raw, dead, derived, underWay }: World): string | undefined {
  if (new Set(raw).size !== raw.length) return `rows twice: ${raw}`;
  if (new Set(dead).size !== dead.length) return `dead letters twice: ${dead}`;
  if (raw.some((offset) => dead.includes(offset))) return `a dead letter that has a row: ${raw} and ${dead}`;
  for (let offset = 0; offset < derived; offset++) {
    if (!raw.includes(offset) && !dead.includes(offset)) {
      return `derived to ${derived} without ${offset}: ${raw} and ${dead}`;
    }
  }
  const again = underWay.flatMap(({ offsets }) => offsets).find((offset) => raw.includes(offset));
  return again === undefined ? undefined : `${again} is under way, and there`;
}

/** The same for states that differ in nothing that anybody compares: sequencers and epochs count only as equal or not. */
function keyOf(
  { epoch, derived, raw, dead, sequencer, rowSequencer, token, underWay, owners, crashes, losses }: World,
): string {
  const seen = owners.map(({ phase, channel, continuation: [of, row], ...rest }) => [
    ...[
      phase,
      channel.phase,
      channel.epoch === epoch,
      channel.stored,
      channel.queue.map(({ first }) => first),
      channel.taken,
    ],
    ...[of === sequencer, of === sequencer ? row - rowSequencer : 0],
    ...[rest.derived, rest.accepted, rest.before, rest.next, rest.condemned, rest.claims],
  ]);
  // It does not matter which of the two is which.
  const both = seen.map((owner) => JSON.stringify(owner)).sort();
  const under = underWay.map(({ first }) => first);
  return JSON.stringify([derived, [...raw].sort(), [...dead].sort(), token, under, crashes, losses, both]);
}

/** Walks through all states; `mutate` breaks the rules, to see that it would be found. Returns the way to a fault, or how many. */
function explore(next: (world: World) => Moves): { readonly states: number; readonly ends: number } | string[] {
  const from = new Map<string, readonly [string, string] | undefined>([[keyOf(START), undefined]]);
  const open: World[] = [START];
  let ends = 0;
  const wayTo = (world: World): string[] => {
    const way: string[] = [];
    for (let step = from.get(keyOf(world)); step !== undefined; step = from.get(step[1])) way.unshift(step[0]);
    return way;
  };
  for (let world = open.pop(); world !== undefined; world = open.pop()) {
    const fault = checkState(world);
    if (fault !== undefined) return [...wayTo(world), fault];
    const moves = next(world);
    const isEnd = world.owners.some(({ phase }) => phase === "done") && world.derived === LOG_END;
    if (isEnd) ends++;
    const mayGoOn = world.owners.some(({ claims, phase }) => phase === "running" || claims < CLAIMS);
    if (moves.length === 0 && !isEnd && mayGoOn) return [...wayTo(world), "nobody can go on"];
    for (const [name, to] of moves) {
      const key = keyOf(to);
      if (from.has(key)) continue;
      from.set(key, [name, keyOf(world)]);
      open.push(to);
    }
  }
  return { states: from.size, ends };
}

Deno.test("two owners of a channel, in every order: no gap, no duplicate, no record in two places", () => {
  const found = explore(movesOf);
  assert(!Array.isArray(found), Array.isArray(found) ? found.join("\n") : "");
  console.log(`${found.states} states, ${found.ends} of them at the end`);
  assert(found.states > 10_000 && found.ends > 100);
});

Deno.test("the walk through two owners' states finds what goes wrong without the rules", () => {
  const without = (isForbidden: (name: string, from: World, to: World) => World | undefined) => (world: World): Moves =>
    movesOf(world).map(([name, to]) => [name, isForbidden(name, world, to) ?? to] as const);
  // An open that throws nothing away: what the owner before had under way comes beside what the next one appends.
  const keepsUnderWay = without((name, from, to) =>
    name.endsWith("opens") ? { ...to, underWay: from.underWay } : undefined
  );
  // A verdict that is made twice: what went ahead is forgotten, and judged anew.
  const forgets = without((name, _, to) =>
    name.endsWith("checks its claim")
      ? {
        ...to,
        owners: to.owners.map((owner) => owner.before > owner.derived ? { ...owner, before: owner.derived } : owner),
      }
      : undefined
  );
  // A commit that waits for nothing.
  const passes = (world: World): Moves => [
    ...movesOf(world),
    ...[0, 1].flatMap((who): Moves => {
      const owner = world.owners[who]!;
      if (owner.phase !== "running" || owner.channel.queue.length === 0) return [];
      return commit(withOwner(world, who, { channel: { ...owner.channel, queue: [], phase: "owned" } }), who);
    }),
  ];
  for (const broken of [keepsUnderWay, forgets, passes]) assert(Array.isArray(explore(broken)));
});
