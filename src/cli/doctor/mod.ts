// `doctor`: checks on live tables that everything is there once and that derived tables are what the raw ones make them.
import type { Domain } from "../../domains/mod.ts";
import { generalRules, missingOffsets, ownRules, type Rules } from "../../checks/mod.ts";
import type { Config } from "../../config/mod.ts";
import { FreshetError } from "../../errors.ts";
import type { Log } from "../../log/log.ts";
import { lookUp, type OffsetRange as Gap } from "../../log/look_up.ts";
import { lagOf } from "../../engine/status.ts";
import { copyGroupOf } from "../../keyed_copy.ts";
import { groupOf, scriptsOf } from "../../parts.ts";
import { type Context, numberOption, type Verb } from "../context.ts";
import { JSON_ARRAY, jsonText } from "../json.ts";
import { isNotThereYet } from "../not_there_yet.ts";
import { openExistingWarehouse, openQueryTarget, type QueryTarget } from "../warehouse_access.ts";
import { mirror, TooManyRowsError } from "./mirror.ts";
import { type Finding, report } from "./report.ts";

export type { Finding } from "./report.ts";

interface DoctorFlags {
  readonly maxRows: number;
  readonly json?: boolean;
}

/** Something is not as it must be. */
class NotOkError extends FreshetError {
  readonly code = "not_ok";
  readonly retriable = false;
}

const QUERY_MS = 300_000;
const SHOWN_ROWS = 3;
const GAPS_LOOKED_UP = 10;
/** Of what was counted above this, more is said as "more than". */
const COUNTED_ROWS = 1_000;

export const addDoctor: Verb = (program, context) => {
  program.command("doctor")
    .summary("check that the tables are right")
    .description(
      "Checks on live tables that every offset is in the raw table, in DEAD_LETTERS or in a gap on record, once; that derived tables equal a " +
        "recomputation from the raw ones; and that the log's committed offsets are not ahead. Changes nothing. Works while " +
        "`run` is up. Exit code 1 when something is not right. Snowflake's tables are copied here to be judged.",
    )
    .argument("[domain...]", "only these domains")
    .option(
      "--max-rows <n>",
      "copy tables of at most so many rows from Snowflake",
      numberOption({ min: 1, whole: true }),
      200_000,
    )
    .option(...JSON_ARRAY)
    .action((domains: readonly string[], flags: DoctorFlags) => doctor(context, domains, flags));
};

async function doctor(context: Context, names: readonly string[], flags: DoctorFlags): Promise<void> {
  const { stdout } = context.host;
  const config = context.config();
  const domains = context.domainsNamed(names);
  const findings: Finding[] = [];
  const { runsRules } = context.parts.warehouseTraits(config);
  await using target = runsRules ? await openQueryTarget(context) : await openExistingWarehouse(context);
  const tables = untilStopped(target, context);
  const log = await openLog(context);
  try {
    for (const domain of domains) {
      // All of its rows are read, which takes a while.
      if (context.host.stderr.isTerminal) context.tell(`Checking ${domain.name}…\n`);
      const patient: Patient = { domain, config, context, tables, maxRows: flags.maxRows, log };
      findings.push(...(await examine(patient)).map((finding) => ({ ...finding, domain: domain.name })));
    }
  } finally {
    if (!(log instanceof Error)) await log[Symbol.asyncDispose]();
  }
  stdout.write(flags.json ? jsonText(findings) : report(findings));
  const bad = findings.filter(({ result }) => result === "not ok").length;
  if (bad > 0) throw new NotOkError(`${bad} of ${findings.length} checks found something that is not right`);
}

type Tables = Pick<QueryTarget, "query">;

/** The same, stopped by the program's signals. */
function untilStopped(tables: Tables, { host: { signal } }: Context): Tables {
  return { query: (sql, options) => tables.query(sql, { ...options, signal }) };
}

/** The log, or why there is none: what can be checked without it is checked. */
async function openLog(context: Context): Promise<Log | Error> {
  try {
    return await context.parts.openLog(context.config(), context.host.clock);
  } catch (error) {
    if (error instanceof FreshetError) return error;
    throw error;
  }
}

interface Patient {
  readonly domain: Domain;
  readonly config: Config;
  readonly context: Context;
  readonly tables: Tables;
  readonly maxRows: number;
  readonly log: Log | Error;
}

/** A finding of one domain. */
export type Seen = Omit<Finding, "domain">;

async function examine(patient: Patient): Promise<Seen[]> {
  const { tables, domain, config, context } = patient;
  // Before the tables' positions, which a run moves first; and how far the log reaches after them.
  const committed = await committedOf(patient);
  const positions = await positionsOf(patient);
  if (positions === undefined) {
    return [
      notChecked("tables", `they have nothing of "${domain.name}" yet: start "freshet run ${domain.name}" first`),
    ];
  }
  const inLog = [...await againstLog(patient, { positions, committed }), ...await copyAgainstLog(patient)];
  if (context.parts.warehouseTraits(config).runsRules) return [...await inTables(tables, patient), ...inLog];
  const folder = await Deno.makeTempDir({ prefix: "freshet_doctor_" });
  try {
    const { maxRows } = patient;
    const scripts = scriptsOf(context.domains().filter(({ name }) => name === domain.name));
    const { table, metadata } = domain.raw;
    const ahead = config.snowflake?.rawIngest === "streaming" ? { table, metadata, positions } : undefined;
    await using copy = await mirror({ from: tables, domain: domain.name, scripts, maxRows, folder, ahead });
    const now = await positionsOf(patient);
    if (JSON.stringify(now) !== JSON.stringify(positions)) {
      const every = config.checkpointMs === undefined ? "" : ` (every ${config.checkpointMs} ms)`;
      return [
        notChecked("tables", `they were written${every} while they were copied: stop the run, or ask again`),
        ...inLog,
      ];
    }
    return [...await inTables(untilStopped(copy, context), patient), ...inLog];
  } catch (error) {
    if (!(error instanceof TooManyRowsError)) throw error;
    return [notChecked("tables", `${error.message}: --max-rows allows more`), ...inLog];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The group's offsets by partition; none without a log or a topic. */
async function committedOf({ domain, config, log }: Patient): Promise<ReadonlyMap<number, number>> {
  if (log instanceof Error || (await log.topics([domain.topic])).length === 0) return new Map();
  return await log.committed(domain.topic, groupOf(config, domain));
}

/** `NEXT_OFFSET` by partition; `undefined` when the domain has not run. */
async function positionsOf({ tables, domain }: Patient): Promise<ReadonlyMap<number, number> | undefined> {
  const sql = `SELECT KAFKA_PARTITION, NEXT_OFFSET FROM FRESHET_OFFSETS
    WHERE DOMAIN = '${domain.name}' AND TOPIC = '${domain.topic}' ORDER BY KAFKA_PARTITION`;
  try {
    const { rows } = await tables.query(sql, { maxRows: 100_000, timeoutMs: QUERY_MS });
    return rows.length === 0 ? undefined : new Map(rows.map(([partition, next]) => [Number(partition), Number(next)]));
  } catch (error) {
    if (isNotThereYet(error)) return undefined;
    throw error;
  }
}

async function inTables(tables: Tables, patient: Patient): Promise<Seen[]> {
  const { domain, config } = patient;
  const general = await keep(tables, generalRules(domain), ADVICE_ON_ROWS);
  const gaps = await inGaps(tables, patient);
  const own = await keep(tables, ownRules(domain, config.domains), adviceOnDerived(domain));
  return [...general, gaps, ...own];
}

const adviceOnDerived = ({ name }: Domain) =>
  `a setting that was changed meanwhile explains it (freshet config), else please report it with these rows; "freshet replay ${name}" makes the tables anew`;
const ADVICE_ON_ROWS =
  "rows were changed by something other than Freshet, or two groups write to one schema: compare with the topic";

export async function keep(tables: Tables, rules: Rules, advice: string): Promise<Seen[]> {
  const findings: Seen[] = [];
  for (const [check, sql] of Object.entries(rules)) {
    try {
      const { rows, columns } = await tables.query(sql, { maxRows: COUNTED_ROWS, timeoutMs: QUERY_MS });
      if (rows.length === 0) findings.push({ check, result: "ok", detail: "" });
      else findings.push({ check, result: "not ok", detail: `${many(rows.length)}\n${sample(columns, rows)}`, advice });
    } catch (error) {
      // Out of time or memory: the others may still be told.
      if (!(error instanceof FreshetError)) throw error;
      findings.push(/more memory/.test(error.message) ? outOfMemory(check) : notChecked(check, error.message));
    }
  }
  return findings;
}

const many = (rows: number) =>
  rows >= COUNTED_ROWS ? `${COUNTED_ROWS} rows and more` : rows === 1 ? "1 row" : `${rows} rows`;

function sample(columns: readonly { readonly name: string }[], rows: readonly (readonly unknown[])[]): string {
  return rows.slice(0, SHOWN_ROWS).map((row) =>
    columns.map(({ name }, i) => `${name}=${typeof row[i] === "object" ? JSON.stringify(row[i]) : row[i]}`).join(" ")
  ).join("\n");
}

const notChecked = (check: string, detail: string): Seen => ({ check, result: "not checked", detail });

/** What a query is told then, to ask for less, is nothing that a check can do. */
const outOfMemory = (check: string): Seen => ({
  ...notChecked(check, "it needs more memory than queries may take beside the pipelines"),
  advice: 'run "freshet doctor" again in a while, or after the run is stopped; or raise FRESHET_QUERY_MEMORY',
});

async function inGaps(tables: Tables, { domain, log, context: { host } }: Patient): Promise<Seen> {
  const check = "no offset is missing";
  const { rows } = await tables.query(missingOffsets(domain), { maxRows: COUNTED_ROWS, timeoutMs: QUERY_MS });
  const gaps = rows.map(([partition, from, to]): Gap => ({
    partition: Number(partition),
    from: Number(from),
    to: Number(to),
  }));
  if (gaps.length === 0) return { check, result: "ok", detail: "" };
  const tell = ({ partition, from, to }: Gap) => `partition ${partition}: ${from} to ${to - 1}`;
  const offsets = gaps.reduce((sum, { from, to }) => sum + to - from, 0);
  const all = `${offsets} offsets are in no table, in ${gaps.length} ranges`;
  if (log instanceof Error) return notChecked(check, `${all}, and the log cannot be asked: ${log.message}`);
  const unknown: Gap[] = [];
  for (const gap of gaps.slice(0, GAPS_LOOKED_UP)) {
    const inLog = await lookUp(gap, { log, topic: domain.topic, clock: host.clock, signal: host.signal });
    if (inLog?.kind === "record") {
      return {
        check,
        result: "not ok",
        detail: `${all}. ${tell(gap)}: the log has a record at ${inLog.offset}`,
        advice:
          `rows were deleted: "freshet sql reset ${domain.name}" prints the SQL to begin again with what the topic holds`,
      };
    }
    if (inLog?.kind === "unreadable") {
      return {
        check,
        result: "not ok",
        detail: `${all}. ${tell(gap)}: the log has something there that cannot be read`,
        advice: "the position was moved past it by something other than Freshet: compare with the topic",
      };
    }
    if (inLog?.kind !== "none") unknown.push(gap);
  }
  unknown.push(...gaps.slice(GAPS_LOOKED_UP));
  // Compacted records, aborted transactions and their markers leave offsets without a record.
  if (unknown.length === 0) return { check, result: "ok", detail: `${all}; the log has no record there either` };
  return notChecked(check, `${all}; the log no longer has ${unknown.slice(0, SHOWN_ROWS).map(tell).join("; ")}`);
}

/** Offsets by partition: where the tables stand, and what the group has committed. */
interface Offsets {
  readonly positions: ReadonlyMap<number, number>;
  readonly committed: ReadonlyMap<number, number>;
}

async function againstLog({ domain, log }: Patient, { positions, committed }: Offsets): Promise<Seen[]> {
  const checks = ["committed offsets are not ahead of the tables", "the log reaches as far as the tables"] as const;
  if (log instanceof Error) return checks.map((check) => notChecked(check, log.message));
  const [topic] = await log.topics([domain.topic]);
  if (!topic) return checks.map((check) => notChecked(check, `there is no topic "${domain.topic}"`));
  const ahead = [...committed].filter(([partition, offset]) => offset > (positions.get(partition) ?? 0));
  const beyond = [...positions].filter(([partition, next]) => {
    const bounds = topic.partitions[partition];
    return !bounds?.isUnknown && next > (bounds?.high ?? 0);
  });
  const told = (pairs: readonly (readonly [number, number])[]) =>
    pairs.map(([partition, offset]) => `partition ${partition} at ${offset}`).join(", ");
  return [
    ahead.length === 0 ? { check: checks[0], result: "ok", detail: "" } : {
      check: checks[0],
      result: "not ok",
      detail: told(ahead),
      advice: "another program commits in this group, or the tables were reset: Freshet itself goes by the tables",
    },
    beyond.length === 0 ? { check: checks[1], result: "ok", detail: "" } : {
      check: checks[1],
      result: "not ok",
      detail: told(beyond),
      advice: "the topic was made anew, or this is another log than the tables were filled from",
    },
  ];
}

/** Where the domain reads a keyed copy: whether the topic is the one that is copied, and how much is not in the copy yet. */
async function copyAgainstLog({ domain, log }: Patient): Promise<Seen[]> {
  const { copyOf } = domain;
  if (copyOf === undefined) return [];
  const check = "the copied topic reaches as far as its keyed copy";
  if (log instanceof Error) return [notChecked(check, log.message)];
  const isThere = (await log.topics([copyOf])).length > 0;
  if (!isThere) return [notChecked(check, `there is no topic "${copyOf}"`)];
  // Before how far the topic reaches, which only rises.
  const committed = await log.committed(copyOf, copyGroupOf(domain));
  const [source] = await log.topics([copyOf]);
  const known = source!.partitions.flatMap(({ isUnknown, ...bounds }, partition) =>
    isUnknown ? [] : [{ ...bounds, partition, nextOffset: committed.get(partition) ?? bounds.low }]
  );
  const beyond = known.filter(({ nextOffset, high }) => nextOffset > high);
  if (beyond.length === 0) {
    const lag = known.reduce((sum, bounds) => sum + lagOf(bounds), 0);
    return [{ check, result: "ok", detail: lag === 0 ? "" : `${lag} records of "${copyOf}" are not in the copy yet` }];
  }
  return [{
    check,
    result: "not ok",
    detail: beyond.map(({ partition, nextOffset }) => `partition ${partition} at ${nextOffset}`).join(", "),
    advice:
      `"${copyOf}" was made anew, or has lost its end: "freshet run" says which "freshet skip" copies on, and from where`,
  }];
}
