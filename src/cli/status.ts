// `status`: offsets, watermarks, open windows and lag of each domain, from the run that is up or from what is stored.
import {
  type CopyStatus,
  type DomainStatus,
  lagOf,
  type PartitionStatus,
  type StoppedAt,
  timeText,
} from "../engine/status.ts";
import { LogDamagedError } from "../errors.ts";
import { copyGroupOf } from "../keyed_copy.ts";
import type { StatusAnswer } from "../http/status_route.ts";
import type { Log } from "../log/log.ts";
import type { Domain } from "../domains/domain.ts";
import { askJson, findRunning, type RunningInstance } from "../run_file.ts";
import type { Warehouse } from "../warehouse/warehouse.ts";
import type { Context, Verb } from "./context.ts";
import { JSON_OBJECT, jsonText } from "./json.ts";
import { isNotThereYet } from "./not_there_yet.ts";
import { countOf, textTable, widthOf, wrapped } from "./rows.ts";
import { openExistingWarehouse, WarehouseMissingError } from "./warehouse_access.ts";

/** How long a run that is busy may take to answer. */
const STATUS_MS = 30_000;

/** What `status --json` prints. Times are ISO 8601, UTC. */
interface Report {
  /** Process id of the run that is up; `null` when none is. */
  readonly pid: number | null;
  readonly domains: readonly DomainReport[];
}

interface DomainReport extends Pick<DomainStatus, "domain" | "topic" | "openWindows"> {
  readonly phase: DomainStatus["phase"];
  readonly lastError: string | null;
  /** Why the domain does not get on, if it does not, and since when. */
  readonly standstill: { readonly kind: string; readonly reason: string; readonly since: string } | null;
  /** When a failed domain is tried again. */
  readonly retryAt: string | null;
  /** Only of a run that is up. */
  readonly totals: DomainStatus["totals"] | null;
  readonly partitions: readonly {
    readonly partition: number;
    readonly nextOffset: number;
    readonly highOffset: number | null;
    readonly lag: number | null;
    /** When the log last said so. */
    readonly confirmedAt: string | null;
    /** Why the partition cannot be read just now. */
    readonly obstacle: string | null;
    readonly watermark: string | null;
    /** Where and why it has stopped, while the others go on. */
    readonly stopped?: StoppedAt;
  }[];
  /** How far the keyed copy has come that the domain reads, where it reads one. */
  readonly copy?: CopyStatus;
}

export const addStatus: Verb = (program, context) => {
  program.command("status")
    .summary("offsets, watermarks, open windows and lag")
    .description("Says how far each domain has got: from the run that is up, or from what the warehouse has stored.")
    .option(...JSON_OBJECT)
    .action((flags: { readonly json?: boolean }) => status(context, flags));
};

async function status(context: Context, { json }: { readonly json?: boolean }): Promise<void> {
  const instance = await findRunning(context.config().dataDir);
  const report = instance ? await liveReport(instance) : await storedReport(context);
  context.host.stdout.write(json ? jsonText(report) : reportText(report, widthOf(context.host.stdout)));
}

async function liveReport(instance: RunningInstance): Promise<Report> {
  const answer = await askJson<StatusAnswer>(instance, "/api/status", STATUS_MS);
  return { pid: answer.pid, domains: answer.domains.map(liveDomain) };
}

function liveDomain(status: DomainStatus): DomainReport {
  const { domain, topic, phase, lastError, standstill, retryAt, totals, openWindows, copy } = status;
  return {
    domain,
    topic,
    phase,
    lastError,
    standstill: standstill && { ...standstill, since: timeText(standstill.since)! },
    retryAt: timeText(retryAt),
    totals,
    openWindows,
    ...withPartitions(status),
    ...copy && { copy },
  };
}

async function storedReport(context: Context): Promise<Report> {
  await using stack = new AsyncDisposableStack();
  const log = stack.use(await context.parts.openLog(context.config(), context.host.clock));
  const warehouse = await openExistingWarehouse(context).catch((error) => {
    if (error instanceof WarehouseMissingError) return undefined;
    throw error;
  });
  if (warehouse) stack.use(warehouse);
  const domains: DomainReport[] = [];
  const { clock } = context.host;
  for (const domain of context.domains()) {
    domains.push(await storedDomain(domain, { log, warehouse, now: clock.now() }));
  }
  return { pid: null, domains };
}

interface Stores {
  readonly log: Log;
  readonly warehouse: Warehouse | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
}

async function storedDomain(domain: Domain, { log, warehouse, now }: Stores): Promise<DomainReport> {
  const [topic] = await log.topics([domain.topic]);
  const numbers = topic?.partitions.map((_, partition) => partition) ?? [];
  const stored = warehouse && await readStored(domain, { warehouse, numbers });
  const partitions = (topic?.partitions ?? []).map((bounds, partition): PartitionStatus => {
    const position = stored?.positions.get(partition);
    return {
      partition,
      nextOffset: position?.nextOffset ?? bounds.low,
      highOffset: bounds.isUnknown ? null : bounds.high,
      readableOffset: bounds.isUnknown ? null : bounds.high,
      lag: bounds.isUnknown ? null : lagOf({ nextOffset: position?.nextOffset ?? bounds.low, ...bounds }),
      confirmedAt: bounds.isUnknown ? null : now,
      watermark: position?.watermark ?? null,
      obstacle: bounds.isUnknown ? "has no leader" : null,
    };
  });
  return {
    domain: domain.name,
    topic: domain.topic,
    phase: "stopped",
    lastError: null,
    standstill: null,
    retryAt: null,
    totals: null,
    openWindows: stored?.openWindows ?? {},
    ...withPartitions({ partitions }),
    ...domain.copyOf !== undefined && { copy: await storedCopy(domain, domain.copyOf, log) },
  };
}

/** How far the group has come that a keyed copy is made in. */
async function storedCopy(domain: Domain, topic: string, log: Log): Promise<CopyStatus> {
  const [info] = await log.topics([topic]);
  if (!info) return { topic, partitions: [] };
  const committed = await log.committed(topic, copyGroupOf(domain));
  const partitions = info.partitions.flatMap(({ low, high, isUnknown }, partition) => {
    const nextOffset = committed.get(partition) ?? low;
    return isUnknown ? [] : [{ partition, nextOffset, highOffset: high, lag: lagOf({ nextOffset, low, high }) }];
  });
  return { topic, partitions };
}

interface StoredQuestion {
  readonly warehouse: Warehouse;
  readonly numbers: readonly number[];
}

/** Positions and the number of open keys by operator; nothing when the domain's tables are not there yet. */
async function readStored(domain: Domain, { warehouse, numbers }: StoredQuestion) {
  try {
    await using writer = await warehouse.writer(domain.name);
    const claims = await writer.positions(domain.topic, numbers);
    const openWindows: Record<string, number> = {};
    for await (const chunk of writer.state(domain.topic, numbers)) {
      for (const { operator, value } of chunk) {
        if (value !== null) openWindows[operator] = (openWindows[operator] ?? 0) + 1;
      }
    }
    return { positions: new Map(claims.map((claim) => [claim.partition, claim])), openWindows };
  } catch (error) {
    if (!isNotThereYet(error)) throw error;
    await viewOfOffsets(warehouse);
    return undefined;
  }
}

/** Errors: of the warehouse, where the view of offsets is there and one of the tables that it reads was dropped. */
async function viewOfOffsets(warehouse: Warehouse): Promise<void> {
  try {
    await warehouse.query("SELECT COUNT(*) FROM FRESHET_OFFSETS WHERE 1 = 0", { maxRows: 1 });
  } catch (error) {
    if (!isNotThereYet(error)) throw error;
  }
}

function withPartitions({ partitions }: Pick<DomainStatus, "partitions">): Pick<DomainReport, "partitions"> {
  return {
    partitions: partitions.map((
      { partition, nextOffset, highOffset, lag, confirmedAt, obstacle, watermark, stopped },
    ) => ({
      partition,
      nextOffset,
      highOffset,
      lag,
      confirmedAt: timeText(confirmedAt),
      obstacle,
      watermark: timeText(watermark),
      ...stopped && { stopped },
    })),
  };
}

function reportText({ pid, domains }: Report, width: number | undefined): string {
  const head = pid === null ? "No run is up; this is what is stored.\n" : `A run is up (pid ${pid}).\n`;
  return head + domains.map((domain) => domainText(domain, width)).join("");
}

/** "1,000 records, 999 accepted, 1 dead letter, …" */
const totalsText = ({ records, accepted, deadLetters, late, checkpoints, restarts }: DomainStatus["totals"]) =>
  [
    countOf(records, "record"),
    `${accepted.toLocaleString("en")} accepted`,
    countOf(deadLetters, "dead letter"),
    `${late.toLocaleString("en")} late`,
    countOf(checkpoints, "checkpoint"),
    countOf(restarts, "restart"),
  ].join(", ");

function domainText(report: DomainReport, width: number | undefined): string {
  const { domain, topic, phase, lastError, standstill, retryAt, totals, openWindows, partitions } = report;
  const error = lastError ? `, last error: ${lastError}` : "";
  const lines = [`\n${domain} (${topic}): ${phase}${retryAt ? `, tried again at ${retryAt}` : ""}${error}\n`];
  if (standstill) lines.push(`Stands still since ${standstill.since}: ${standstill.reason}\n`);
  const add = (text: string) => lines.push(...wrapped(text, width).map((line) => `${line}\n`));
  if (totals) add(`Since its start: ${totalsText(totals)}`);
  if (partitions.length === 0) lines.push("The topic does not exist yet\n");
  else {
    const rows = partitions.map((
      p,
    ) => [p.partition, p.nextOffset, p.highOffset ?? "-", p.lag ?? "-", p.watermark ?? "-"]);
    lines.push(
      textTable(["PARTITION", "NEXT", "HIGH", "LAG", "WATERMARK"], rows, {
        right: [true, true, true, true, false],
        width,
      }),
    );
    for (const { partition, obstacle, confirmedAt } of partitions) {
      if (obstacle !== null) {
        lines.push(
          `Partition ${partition} ${obstacle}${confirmedAt === null ? "" : `; its lag is of ${confirmedAt}`}\n`,
        );
      }
    }
  }
  for (const { partition, stopped } of partitions) {
    if (stopped === undefined) continue;
    const { message } = new LogDamagedError({ topic, partition, ...stopped });
    lines.push(`Partition ${partition} has stopped: ${message}\n`);
  }
  if (report.copy) { for (const text of copyLines(report.copy)) add(text); }
  const open = Object.entries(openWindows);
  if (open.length > 0) add(`Open: ${open.map(([operator, count]) => `${operator} ${count}`).join(", ")}`);
  return lines.join("");
}

/** What is not in a keyed copy yet, and why not. */
function copyLines({ topic, partitions }: CopyStatus): readonly string[] {
  const lag = partitions.reduce((sum, partition) => sum + partition.lag, 0);
  const stops = partitions.flatMap(({ partition, stopped }) =>
    stopped === undefined ? [] : [
      `Partition ${partition} of ${topic} has stopped: ${
        new LogDamagedError({ topic, partition, ...stopped }).message
      }`,
    ]
  );
  return [`It reads a keyed copy of ${topic}, which lacks ${countOf(lag, "record")} of it`, ...stops];
}
