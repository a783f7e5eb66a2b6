// One run of state.ts, in a process of its own: an operator takes many distinct keys, then a few of them again and again, then
// any of them. What a checkpoint would store is dropped. Prints one line of JSON.

import {
  type Batch,
  count,
  type Element,
  FanOut,
  hours,
  type Output,
  StateBackend,
  Stream,
  sum,
} from "@freshet/stream";
import process from "node:process";
import { StateFile } from "../src/engine/state_file.ts";

/** What state.ts asks for. */
export interface StateRun {
  readonly operator: keyof typeof OPERATORS;
  readonly keys: number;
  /** Of memory for keys; all that there is when left out. */
  readonly budgetMb?: number;
}

/** What a run tells. Rates in elements of a second of processor time. */
export interface StateFigures {
  readonly loadPerSecond: number;
  readonly hotPerSecond: number;
  readonly randomPerSecond: number;
  /** Greatest resident memory of the process, MB. */
  readonly peakMb: number;
  readonly fileMb: number;
}

interface Visit {
  readonly user: number;
}

const [BATCH, CHECKPOINT_EVERY] = [1000, 20];
const HOT_KEYS = 1000;
const MEASURED = 500_000;

type Visits = ReturnType<Stream<Visit>["keyBy"]>;
const spec = { N: count<Visit>(), SUM: sum(({ user }: Visit) => user) };
const OPERATORS = {
  sessions: (visits: Visits): Output<Visit> => visits.session(hours(1)).aggregate("S", spec) as Output<Visit>,
  tumbling: (visits: Visits): Output<Visit> => visits.tumbling(hours(24)).aggregate("T", spec) as Output<Visit>,
  hopping: (visits: Visits): Output<Visit> =>
    visits.hopping(hours(1), hours(1) / 15).aggregate("H", spec) as Output<Visit>,
  running: (visits: Visits): Output<Visit> => visits.aggregate("R", spec) as Output<Visit>,
};

let peakBytes = 0;
const measureMemory = () => void (peakBytes = Math.max(peakBytes, Deno.memoryUsage().rss));
const cpuMs = () => process.cpuUsage().user / 1000;

/** Pushes visits of `count` users; returns how many a second of processor time. */
async function visit(state: StateBackend, operators: FanOut<Visit>, count: number, userOf: (i: number) => number) {
  const start = cpuMs();
  for (let first = 0, b = 1; first < count; first += BATCH, b++) {
    const elements = Array.from({ length: BATCH }, (_, i): Element<Visit> => (
      { value: { user: userOf(first + i) }, time: 1000, offset: first + i, watermark: 0 }
    ));
    await operators.push(batchOf(elements, false));
    if (b % CHECKPOINT_EVERY !== 0) continue;
    await operators.push(batchOf([], true));
    state.drain();
    state.trim();
    measureMemory();
  }
  return Math.round(count / (cpuMs() - start) * 1000);
}

function batchOf(elements: Element<Visit>[], early: boolean): Batch<Visit> {
  const times = { watermark: 0, closedBefore: 0, eventWatermark: 0 };
  const side = { late: [], failed: [] };
  return { partition: 0, elements, nextOffset: 1, ...times, early, backfill: false, ended: false, side };
}

async function run({ operator, keys, budgetMb }: StateRun): Promise<StateFigures> {
  using files = new DisposableStack();
  const folder = Deno.env.get("FRESHET_BENCH_FOLDER") ?? ".";
  const file = () => files.use(StateFile.nameless(folder));
  const state = new StateBackend(budgetMb === undefined ? undefined : { bytes: budgetMb * 1e6, file });
  const stream = Stream.of<Visit>({ state, allowedLatenessMs: 0 });
  const output = OPERATORS[operator](stream.keyBy({ USER: ({ user }) => `user ${user}` }) as Visits);
  const operators = new FanOut<Visit>([output.operator as never]);
  const loadPerSecond = await visit(state, operators, keys, (i) => i);
  const hotPerSecond = await visit(state, operators, MEASURED, (i) => i % HOT_KEYS);
  const randomPerSecond = await visit(state, operators, MEASURED, () => Math.floor(Math.random() * keys));
  await operators.close();
  const fileMb = Math.round(state.spilled.fileBytes / 1e6);
  return { loadPerSecond, hotPerSecond, randomPerSecond, peakMb: Math.round(peakBytes / 1e6), fileMb };
}

if (import.meta.main) console.log(JSON.stringify(await run(JSON.parse(Deno.args[0]!))));
