// `replay`: makes a domain's derived tables and state anew from its raw table, with the engine that made them.
//
// The records of the raw table are worked off once more, in the order of their offsets, into a DuckDB file of their own.
// What comes of that takes the place of the derived rows and the state in one transaction, fenced as every checkpoint is:
// raw rows, dead letters and offsets are not touched, so whatever happens on the way, each record stays counted once.
import type { Domain } from "../../domains/mod.ts";
import type { TimeBefore } from "../../engine/mod.ts";
import { commitUnit } from "../../engine/checkpoint.ts";
import { fingerprintsOf } from "../../engine/pipeline.ts";
import { FencedError, FreshetError, WarehouseRefusedError } from "../../errors.ts";
import { scriptsOf } from "../../parts.ts";
import { findRunning } from "../../run_file.ts";
import type { Claim, Warehouse, Writer } from "../../warehouse/warehouse.ts";
import { confirmed } from "../confirm.ts";
import { type Context, numberOption, type Verb } from "../context.ts";
import { JSON_OBJECT, jsonText } from "../json.ts";
import { startProgress } from "../progress.ts";
import { countOf } from "../rows.ts";
import { openExistingWarehouse } from "../warehouse_access.ts";
import { writableRows } from "../writable_rows.ts";
import { countRaw, RawLog } from "./raw_log.ts";
import { swapUnit } from "./swap.ts";

interface ReplayFlags {
  readonly maxRows: number;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** The domain has no rows to begin with. */
class NothingToReplayError extends FreshetError {
  readonly code = "nothing_to_replay";
  readonly retriable = false;
}

export const addReplay: Verb = (program, context) => {
  program.command("replay")
    .summary("make derived tables anew from the raw one")
    .description(
      "Works a domain's raw table off once more, and puts what comes of it in the place of its derived tables and state, in " +
        "one transaction. Raw rows, dead letters and offsets stay. After thresholds or windows were changed, or derived " +
        "tables were damaged. No `run` of the domain may be up.",
    )
    .argument("<domain>")
    .option(
      "--max-rows <n>",
      "derived tables of at most so many rows: they are held in memory",
      numberOption({ min: 1, whole: true }),
      300_000,
    )
    .option("--yes", "without asking")
    .option(...JSON_OBJECT)
    .action((domain: string, flags: ReplayFlags) => replay(context, domain, flags));
};

async function replay(context: Context, name: string, { maxRows, yes = false, json }: ReplayFlags): Promise<void> {
  const { host } = context;
  const config = context.config();
  const domain = context.domainNamed(name);
  const running = await findRunning(config.dataDir);
  if (running) throw new WarehouseRefusedError(`A run (pid ${running.pid}) is up: stop it to replay`);
  await using warehouse = await openExistingWarehouse(context);
  await using writer = await warehouse.writer(domain.name);
  const partitions = await partitionsOf(warehouse, domain);
  const what = `the derived tables of ${domain.name} in ${warehouse.description}`;
  if (!yes && !await confirmed(context, `Make ${what} anew from ${domain.raw.table}?`)) {
    host.stdout.write(json ? jsonText({ domain: name, records: null }) : "Nothing was changed\n");
    return;
  }
  await warehouse.migrate(scriptsOf([domain]));
  const claims = await writer.claim(domain.topic, partitions);
  const folder = await Deno.makeTempDir({ prefix: "freshet_replay_" });
  try {
    const { openDuckDb } = await import("../../warehouse/duckdb.ts");
    const { duckdbMemory: memoryLimit, duckdbTemp: tempSpace } = config;
    await using fresh = await openDuckDb({ path: `${folder}/replay.duckdb`, memoryLimit, tempSpace });
    await fresh.migrate(scriptsOf(context.domains().filter(({ name }) => name === domain.name)));
    const records = await workOff(context, { domain, claims, from: warehouse, to: fresh });
    await using freshWriter = await fresh.writer(domain.name);
    // After reading the raw table: a domain that has lost that one has nothing to be made anew from.
    const gone = await warehouse.restore(scriptsOf([domain]));
    if (gone.length > 0) context.host.stderr.write(`Made again, as they were gone: ${gone.join(", ")}\n`);
    const old = { warehouse, writer };
    const unit = await swapUnit(old, { warehouse: fresh, writer: freshWriter }, { domain, claims, maxRows });
    await commitSwap(writer, unit, domain);
    host.stdout.write(
      json ? jsonText({ domain: name, records }) : `Made ${what} anew from ${countOf(records, "record")}\n`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function partitionsOf(warehouse: Warehouse, { name, topic }: Domain): Promise<readonly number[]> {
  const sql = `SELECT KAFKA_PARTITION FROM FRESHET_OFFSETS WHERE DOMAIN = '${name}' AND TOPIC = '${topic}' ORDER BY 1`;
  const { rows } = await warehouse.query(sql, { maxRows: 100_000 });
  if (rows.length === 0) {
    throw new NothingToReplayError(
      `The tables have nothing of "${name}" yet, so there is nothing to replay: start "freshet run ${name}" first`,
    );
  }
  return rows.map(([partition]) => Number(partition));
}

interface Work {
  readonly domain: Domain;
  readonly claims: readonly Claim[];
  readonly from: Warehouse;
  readonly to: Warehouse;
}

/** Where event time stood when the records were worked off before: what was closed then is closed again. */
async function timeBefore(
  warehouse: Warehouse,
  { name, topic }: Domain,
  claims: readonly Claim[],
): Promise<TimeBefore> {
  const watermarks = new Map(
    claims.flatMap(({ partition, watermark }) => watermark === null ? [] : [[partition, watermark]]),
  );
  const sql = `SELECT OPERATOR, KAFKA_PARTITION, CLOSED_UP_TO FROM FRESHET_CLOSED
    WHERE DOMAIN = '${name}' AND TOPIC = '${topic}'`;
  const rows = writableRows(await warehouse.query(sql));
  const closed = rows.map(({ OPERATOR, KAFKA_PARTITION, CLOSED_UP_TO }) => (
    { operator: String(OPERATOR), partition: Number(KAFKA_PARTITION), upTo: Number(CLOSED_UP_TO) }
  ));
  return { watermarks, closed };
}

/** Runs the domain's engine over the raw rows; resolves with their number. */
async function workOff(context: Context, { domain, claims, from, to }: Work): Promise<number> {
  const { host, parts } = context;
  const ends = new Map(claims.map(({ partition, nextOffset }) => [partition, nextOffset]));
  // Those that went ahead of their unit are the next run's; without that no row may be beyond its partition's position.
  const goesAhead = context.config().snowflake?.rawIngest === "streaming";
  const whole = await countRaw(from, domain.raw, goesAhead ? ends : undefined);
  using progress = startProgress(host, whole);
  let read = 0;
  const log = new RawLog({
    warehouse: from,
    domain,
    ends,
    onRead: (records) => progress.update(read = records, records),
  });
  const runner = parts.createRunner({
    domain,
    log,
    warehouse: to,
    clock: host.clock,
    observers: [],
    config: { ...context.config(), maxRestarts: 0 },
    untilEnd: await timeBefore(from, domain, claims),
  });
  await runner.run(host.signal);
  host.signal.throwIfAborted();
  if (read !== whole) {
    throw new WarehouseRefusedError(
      `${domain.raw.table} has ${whole} rows${
        goesAhead ? " below the partitions' positions" : ""
      }, and ${read} were read ` +
        `up to these positions: "freshet doctor" says more. ` +
        "Nothing was changed",
    );
  }
  return read;
}

async function commitSwap(writer: Writer, unit: Parameters<Writer["commit"]>[0], domain: Domain): Promise<void> {
  try {
    await commitUnit(writer, unit);
  } catch (error) {
    if (!(error instanceof FencedError)) throw error;
    throw new WarehouseRefusedError(
      `A run of ${domain.name} has taken a partition over meanwhile: stop every run of it, then replay. Nothing was changed`,
      { cause: error },
    );
  }
  // Afterwards: a crash in between makes the next run refuse state that it takes for another's, and a replay mends that.
  await writer.registerOperators(fingerprintsOf(domain));
  await writer.compactState(unit.topic, unit.moves.map(({ partition }) => partition));
}
