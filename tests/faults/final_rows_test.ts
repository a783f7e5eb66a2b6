// A reader that asks every merged view again and again while a backlog is worked off with small checkpoints: no row that it has
// seen final changes under the same VERSION, and none is open again. FRESHET_POLLED says how many records of each domain (the
// `task test:long final`: a million).

import { assert, assertEquals } from "@std/assert";
import { type Domain, domainModules, outputsOf } from "../../src/domains/mod.ts";
import { DomainRunner } from "../../src/engine/mod.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import type { NewRecord } from "../../src/log/log.ts";
import { scriptsOf } from "../../src/parts.ts";
import { systemClock } from "../../src/clock.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { defaultSettings, domainOf } from "../support/domains.ts";
import { simulatorOf } from "../support/simulators.ts";
import { Random } from "../support/simulation/random.ts";

const RECORDS = Number(Deno.env.get("FRESHET_POLLED") ?? 12_000);
const PARTITIONS = 4;
const POLL_MS = 50;
const CHECKPOINT_ROWS = 500;
/** The reader asks for the whole view, of which the long form makes a million rows. */
const MEMORY = RECORDS > 100_000 ? "1GB" : "96MB";

interface View {
  readonly name: string;
  readonly keys: readonly string[];
}

/** The views that merge the rows of partitions. */
function mergedViews(domain: Domain): View[] {
  const outputs = outputsOf(domain);
  return outputs.flatMap(({ name, kind, ...output }) =>
    kind === "windows" && "keyNames" in output && name.endsWith("_PARTS")
      ? [{ name: name.replace(/_PARTS$/, ""), keys: [...output.keyNames, "WINDOW_START"] }]
      : []
  );
}

/** What a reader has seen of a view's final rows. */
class Reader {
  readonly #final = new Map<string, { readonly version: number; readonly contents: string }>();
  polls = 0;
  changes = 0;

  constructor(private readonly warehouse: Warehouse, private readonly view: View) {}

  get finalRows(): number {
    return this.#final.size;
  }

  async poll(): Promise<void> {
    const { name, keys } = this.view;
    const { columns, rows } = await this.warehouse.query(`SELECT * FROM ${name}`);
    const at = (column: string) => columns.findIndex((each) => each.name === column);
    const [final, version, updated] = [at("IS_FINAL"), at("VERSION"), at("UPDATED_AT")];
    const keyed = keys.map(at);
    this.polls++;
    for (const row of rows) {
      const key = JSON.stringify(keyed.map((i) => row[i]));
      const before = this.#final.get(key);
      if (row[final] !== true) {
        assertEquals(before, undefined, `${name} ${key} was final and is open again`);
        continue;
      }
      const contents = JSON.stringify(row.filter((_, i) => i !== version && i !== updated));
      const now = { version: Number(row[version]), contents };
      if (before?.contents === contents && before.version === now.version) continue;
      if (before) {
        assert(now.version > before.version, `${name} ${key} was final and changed under VERSION ${before.version}`);
        this.changes++;
      }
      this.#final.set(key, now);
    }
  }
}

/** A domain's records, most with their key and some in any partition, most in order and some far behind. */
function recordsOf(domain: Domain): NewRecord[] {
  const random = new Random(7);
  const simulator = simulatorOf(domain.name);
  const start = Date.now() - 86_400_000 * 30;
  const records = simulator.generate({ seed: 3, start, intervalMs: 30_000, settings: defaultSettings() }).take(RECORDS);
  const placed = records.map(({ key, value }, i) => ({
    key: i % 3 === 0 ? null : key,
    value,
    place: i + (random.chance(0.1) ? random.below(RECORDS / 10) : random.below(20)),
  }));
  return [...placed].toSorted((a, b) => a.place - b.place);
}

for (const { name } of domainModules) {
  Deno.test(`while a backlog of ${name} is worked off no merged row that was seen final changes under its version`, async () => {
    const dataDir = await Deno.makeTempDir();
    try {
      const domain = domainOf(name);
      await using log = await openEmbeddedLog({ dataDir });
      await log.createTopics([{ topic: domain.topic, partitions: PARTITIONS }]);
      await using warehouse = await openDuckDb({ path: `${dataDir}/freshet.duckdb`, memoryLimit: MEMORY });
      await warehouse.migrate(scriptsOf([domain]));
      const readers = mergedViews(domain).map((view) => new Reader(warehouse, view));
      const records = recordsOf(domain);
      // Three inputs, one after the other: the end of each closes everything, and the next corrects.
      for (let third = 0; third < 3; third++) {
        const [from, to] = [third, third + 1].map((n) => Math.floor(records.length * n / 3));
        await log.produce(domain.topic, records.slice(from, to));
        await workOff({ domain, log, warehouse }, readers);
      }
      for (const reader of readers) {
        await reader.poll();
        assert(reader.polls > 3 && reader.finalRows > 10, `${reader.polls} polls, ${reader.finalRows} final rows`);
      }
      assert(readers.some(({ changes }) => changes > 0), "No final row was ever corrected: the test shows nothing");
    } finally {
      await Deno.remove(dataDir, { recursive: true });
    }
  });
}

type Placed = Pick<ConstructorParameters<typeof DomainRunner>[0], "domain" | "log" | "warehouse">;

/** Works the topic off, and has the readers ask meanwhile. */
async function workOff(placed: Placed, readers: readonly Reader[]): Promise<void> {
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  const settings = { checkpointRows: CHECKPOINT_ROWS, checkpointMs: 100, maxRestarts: 0, untilEnd: true };
  const runner = new DomainRunner({ ...placed, clock: systemClock, logger: quiet, ...settings });
  let isDone = false;
  const done = runner.run(new AbortController().signal).finally(() => isDone = true);
  while (!isDone) {
    await Promise.all(readers.map((reader) => reader.poll()));
    await Promise.race([done, new Promise((resolve) => setTimeout(resolve, POLL_MS))]);
  }
  await done;
}
