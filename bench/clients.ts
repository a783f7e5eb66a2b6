// Both clients of Kafka side by side, on the same brokers in one run: how fast they read, what that costs, and for how long
// records stay away when brokers and members go. The table of docs/kafka.md is from here.
//   deno run -A bench/clients.ts [speed] [brokers] [members]

import Table from "cli-table3";
import { openKafkaLog } from "../src/log/kafka.ts";
import { KAFKA_CLIENTS, type KafkaClientName } from "../src/log/kafka/settings.ts";
import { KafkaCluster } from "../tests/support/kafka/cluster.ts";
import { groupAt } from "../tests/support/kafka/coordinators.ts";
import { run } from "../tests/support/kafka/jars.ts";
import { Writer } from "../tests/support/kafka/flow.ts";
import { median } from "./report.ts";

const RECORDS = 2_000_000;
const RECORD_BYTES = 100;
const ROUNDS = 3;
/** The longest that records may stay away before a row says so. */
const PATIENCE_MS = 90_000;

const rows = new Map<string, string[]>();
const note = (what: string, figure: string) => {
  console.log(`${what}: ${figure}`);
  rows.set(what, [...rows.get(what) ?? [], figure]);
};
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const seconds = (ms: number) => ms >= PATIENCE_MS ? `more than ${PATIENCE_MS / 1000} s` : `${(ms / 1000).toFixed(1)} s`;

await using cluster = await KafkaCluster.start();
const brokers = cluster.addresses;

/** A reader in a process of its own. */
class Reader {
  /** When batches came, by partition. */
  readonly arrivals = new Map<number, number[]>();
  readonly #child: Deno.ChildProcess;
  readonly #lines: Promise<string[]>;

  constructor(options: Record<string, unknown>) {
    const file = new URL("clients_reader.ts", import.meta.url).pathname;
    const args = ["run", "--quiet", "--no-check", "-A", file, JSON.stringify(options)];
    this.#child = new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "piped", stderr: "inherit" })
      .spawn();
    this.#lines = this.#read();
  }

  /** What it printed, once it has ended. */
  async output(): Promise<string[]> {
    await this.#child.status;
    return await this.#lines;
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#child.kill(signal);
    await this.output();
  }

  /** Waits until each of the partitions has brought something since `sinceMs`; how long that took. */
  async until(partitions: readonly number[], sinceMs: number): Promise<number> {
    const isThere = () => partitions.every((p) => (this.arrivals.get(p) ?? []).some((at) => at > sinceMs));
    while (!isThere() && performance.now() - sinceMs < PATIENCE_MS) await sleep(20);
    return performance.now() - sinceMs;
  }

  async #read(): Promise<string[]> {
    const lines: string[] = [];
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of this.#child.stdout) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop()!;
      for (const line of parts) {
        if (line.startsWith("{")) lines.push(line);
        else this.arrivals.set(Number(line), [...this.arrivals.get(Number(line)) ?? [], performance.now()]);
      }
    }
    return lines;
  }
}

/** The longest time without a batch of any of the partitions, since `sinceMs`, over all readers. */
function longestGap(readers: readonly Reader[], partitions: readonly number[], sinceMs: number): number {
  const gaps = partitions.map((partition) => {
    const times = readers.flatMap(({ arrivals }) => arrivals.get(partition) ?? []).filter((at) => at >= sinceMs);
    const all = [sinceMs, ...times.toSorted((a, b) => a - b), performance.now()];
    return Math.max(...all.slice(1).map((at, i) => at - all[i]!));
  });
  return Math.max(...gaps);
}

async function speed(partitions: number): Promise<void> {
  const topic = `speed-${partitions}`;
  await cluster.createTopic({ topic, replicas: Array.from({ length: partitions }, (_, i) => [i % 3 + 1]) });
  await run("java", [
    ...["-Xmx256m", "-cp", cluster.classPath, "org.apache.kafka.tools.ProducerPerformance", "--topic", topic],
    ...["--num-records", `${RECORDS}`, "--record-size", `${RECORD_BYTES}`, "--throughput", "-1"],
    ...["--producer-props", `bootstrap.servers=${brokers[0]}`, "batch.size=65536", "linger.ms=5"],
  ]);
  const results = new Map(KAFKA_CLIENTS.map((client) => [client, [] as Record<string, number>[]]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const client of KAFKA_CLIENTS) {
      const reader = new Reader({ settings: { client, brokers }, topic, group: crypto.randomUUID(), count: RECORDS });
      const [line] = await reader.output();
      results.get(client)!.push(JSON.parse(line!));
    }
  }
  for (const found of results.values()) {
    const of = (name: string) => median(found.map((result) => result[name]!));
    const what = `${partitions} partition${partitions === 1 ? "" : "s"}`;
    note(`records/s, ${what}`, `${Math.round(RECORDS / of("readMs")).toLocaleString("en")} k`);
    note(`processor seconds for a million, ${what}`, (of("cpuSeconds") / RECORDS * 1e6).toFixed(2));
    note(`processor seconds of the start, ${what}`, of("startCpuSeconds").toFixed(2));
    note(`memory at the peak, ${what}`, `${Math.round(of("peakMb"))} MB`);
    note(`start of the process to the first record, ${what}`, `${(of("firstAtMs") / 1000).toFixed(2)} s`);
  }
}

/** Records flow while `fault` happens; partition 1 is led by broker 2, which the others have nothing to do with. */
async function gap(
  client: KafkaClientName,
  { what, replicas, fault, keeper = 1 }: {
    readonly what: string;
    /** The broker that keeps the group. */
    readonly keeper?: number;
    readonly replicas: readonly (readonly number[])[];
    readonly fault: () => Promise<() => Promise<void>>;
  },
): Promise<void> {
  await using flow = await flowing(replicas, keeper);
  const { topic, group } = flow;
  const reader = new Reader({ settings: { client, brokers }, topic, group });
  await reader.until([0, 1, 2], performance.now());
  await sleep(2_000);
  const sinceMs = performance.now();
  const heal = await fault();
  await sleep(8_000);
  await heal();
  await reader.until([0, 1, 2], performance.now());
  await reader.until([0, 1, 2], performance.now());
  note(`${what}: partitions elsewhere`, seconds(longestGap([reader], [0, 2], sinceMs)));
  note(`${what}: its partition`, seconds(longestGap([reader], [1], sinceMs)));
  await reader.end("SIGKILL");
}

interface Flow extends AsyncDisposable {
  readonly topic: string;
  readonly group: string;
}

/** A topic into every partition of which records are written, and a group. */
async function flowing(replicas: readonly (readonly number[])[], keeper = 1): Promise<Flow> {
  const topic = `flow-${crypto.randomUUID().slice(0, 8)}`;
  await cluster.createTopic({ topic, replicas });
  const writers: Writer[] = [];
  for (const partition of replicas.keys()) {
    const log = await openKafkaLog({ settings: { client: "platformatic", brokers } });
    writers.push(new Writer({ log, topic, partition }));
  }
  const group = await groupAt(cluster, keeper);
  return {
    ...{ topic, group },
    [Symbol.asyncDispose]: async () => void await Promise.all(writers.map((writer) => writer[Symbol.asyncDispose]())),
  };
}

/** What makes a process a static member, where the client can. */
const named = (client: KafkaClientName, name: string) => client === "platformatic" ? { groupInstanceId: name } : {};

async function loneMember(client: KafkaClientName): Promise<void> {
  await using flow = await flowing([[1, 3], [2, 3], [3, 1]]);
  const { topic, group } = flow;
  const options = { settings: { client, brokers, ...named(client, "one") }, topic, group };
  const first = new Reader(options);
  await first.until([0, 1, 2], performance.now());
  await sleep(4_000); // heartbeats
  await first.end("SIGKILL");
  const again = new Reader(options);
  note(
    "a lone process killed by -9 and started again: until its first record",
    seconds(await again.until([0, 1, 2], performance.now())),
  );
  await again.end("SIGKILL");
}

async function rollingRestart(client: KafkaClientName): Promise<void> {
  await using flow = await flowing([[1, 3], [2, 3], [3, 1], [1, 2]]);
  const { topic, group } = flow;
  const all = [0, 1, 2, 3];
  const start = (name: string) => new Reader({ settings: { client, brokers, ...named(client, name) }, topic, group });
  const readers = [start("one"), start("two")];
  let restarting = [...readers];
  await sleep(15_000);
  const sinceMs = performance.now();
  for (const [i, name] of ["one", "two"].entries()) {
    await restarting[i]!.end("SIGTERM");
    const again = start(name);
    readers.push(again);
    restarting = restarting.with(i, again);
    await sleep(15_000);
  }
  note("two processes restarted in turn: the longest pause of a partition", seconds(longestGap(readers, all, sinceMs)));
  for (const reader of restarting) await reader.end("SIGKILL");
}

const { process } = cluster.node(2);
const ELSEWHERE = [[1, 3], [2, 3], [3, 1]];
const FAULTS: readonly Parameters<typeof gap>[1][] = [
  {
    what: "a broker killed by -9",
    replicas: ELSEWHERE,
    fault: () => process.end("SIGKILL").then(() => () => process.start()),
  },
  {
    what: "a broker that stands still for 8 s",
    replicas: ELSEWHERE,
    fault: () => {
      process.signal("SIGSTOP");
      return Promise.resolve(() => Promise.resolve(process.signal("SIGCONT")));
    },
  },
  {
    what: "a broker restarted",
    replicas: ELSEWHERE,
    fault: async () => {
      await process.end("SIGTERM");
      await process.start();
      return () => Promise.resolve();
    },
  },
  {
    what: "a broker restarted that keeps the group",
    keeper: 2,
    replicas: ELSEWHERE,
    fault: async () => {
      await process.end("SIGTERM");
      await process.start();
      return () => Promise.resolve();
    },
  },
  {
    what: "the only broker of a partition away for 8 s and its start",
    replicas: [[1], [2], [3]],
    fault: () => process.end("SIGKILL").then(() => () => process.start()),
  },
];

/** What is measured: all of it, or the sections named. */
const SECTIONS: Readonly<Record<string, () => Promise<void>>> = {
  async speed() {
    await speed(12);
    await speed(1);
  },
  async brokers() {
    for (const client of KAFKA_CLIENTS) for (const fault of FAULTS) await gap(client, fault);
  },
  async members() {
    for (const client of KAFKA_CLIENTS) {
      await loneMember(client);
      await rollingRestart(client);
    }
  },
};
for (const name of Deno.args.length > 0 ? Deno.args : Object.keys(SECTIONS)) await SECTIONS[name]!();
const table = new Table({ head: ["", ...KAFKA_CLIENTS], style: { head: [], border: [] } });
for (const [what, figures] of rows) table.push([what, ...figures]);
console.log(table.toString());
