// The errors that callers handle. Each has a stable `code`, says whether trying again can help, and what to do next.
// Knows nothing of any adapter: adapters translate their client's errors into these.

/** Options of a {@link FreshetError}. */
export interface FreshetErrorOptions {
  readonly cause?: unknown;
}

/** An error with a stable code and a message that says what to do next. */
export abstract class FreshetError extends Error {
  /** Stable identifier, `snake_case`, safe to match on. */
  abstract readonly code: string;
  /** Whether the same call can succeed later without anybody changing anything. */
  abstract readonly retriable: boolean;

  constructor(message: string, options: FreshetErrorOptions = {}) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Whether what failed may go well later without anybody changing anything. */
export function isRetriable(error: unknown): error is FreshetError {
  return error instanceof FreshetError && error.retriable;
}

/** What is told of anything that was thrown. */
export const messageIn = (error: unknown): string => error instanceof Error ? error.message : String(error);

/**
 * Why fetch has no answer, in the words of its client, which puts them below "fetch failed" and behind the whole address, whose
 * path or query may be a secret; `undefined` where it says nothing of a connection.
 */
export function connectFailure(thrown: unknown): string | undefined {
  let error = thrown;
  while (error instanceof Error && error.cause instanceof Error) error = error.cause;
  return /client error \(\w+\): (.+)$/s.exec(messageIn(error))?.[1];
}

/** One or more settings are wrong or missing. The message lists every one of them. */
export class ConfigError extends FreshetError {
  readonly code = "config_invalid";
  readonly retriable = false;
}

/** The log (broker or file) cannot be reached or used right now. */
export class LogUnavailableError extends FreshetError {
  readonly code = "log_unavailable";
  readonly retriable = true;
}

/** The log refused the credentials or the certificate, or its file is damaged: trying again cannot help. */
export class LogRefusedError extends FreshetError {
  readonly code: string = "log_refused";
  readonly retriable = false;
}

/** The file that keyed state goes to when memory has no room for it cannot be made, written or read. */
export class StateFileError extends FreshetError {
  readonly code = "state_file_unusable";
  readonly retriable = true;
}

/** Options of a {@link RecordTooLargeError}. */
export interface RecordTooLargeOptions extends FreshetErrorOptions {
  /** Where records of the call are that were written all the same, by their index in it. */
  readonly written?: ReadonlyMap<number, { readonly partition: number; readonly offset: number }>;
}

/** A record, or what is sent with it, is larger than the log takes; others of the same call are not to blame. */
export class RecordTooLargeError extends LogRefusedError {
  override readonly code = "record_too_large";
  readonly written: NonNullable<RecordTooLargeOptions["written"]>;

  constructor(message: string, { written = new Map(), ...options }: RecordTooLargeOptions = {}) {
    super(message, options);
    this.written = written;
  }
}

/** The log does not take the record's timestamp, which is too far from its own clock. */
export class TimestampRefusedError extends LogRefusedError {
  override readonly code = "timestamp_refused";
}

/** Too much is waiting for the log already; nothing of the call was written. */
export class LogOverloadedError extends FreshetError {
  readonly code = "log_overloaded";
  readonly retriable = true;
}

/** The log has not answered in time: the records may be in it, now or later, or not. */
export class ProduceUnknownError extends FreshetError {
  readonly code = "produce_unknown";
  readonly retriable = false;
}

/** A topic does not exist. */
export class TopicMissingError extends FreshetError {
  readonly code = "topic_missing";
  readonly retriable = false;
  constructor(readonly topics: readonly string[], options?: FreshetErrorOptions) {
    super(
      `Topic ${topics.map((topic) => `"${topic}"`).join(", ")} does not exist: create it with "freshet topics create"`,
      options,
    );
  }
}

/** The log no longer holds what the warehouse expects next (recreated topic, or records deleted by retention). */
export class LogDivergedError extends FreshetError {
  readonly code = "log_diverged";
  readonly retriable = false;
}

/** Why a stretch of a partition cannot be read: a stable code, `snake_case`. */
export type DamageReason =
  /** Its bytes are not what was written, or unfold to more than is allowed. */
  | "unreadable"
  /** The log deleted it before it was read: retention, or somebody. */
  | "deleted"
  /** The log ends before the position: its leader lost records that were read, and others come in their place. */
  | "truncated";

/** A stretch of a partition that cannot be read, whatever is tried. */
export interface Damage {
  readonly topic: string;
  readonly partition: number;
  /** The first offset that cannot be read; everything before it can. */
  readonly from: number;
  /** The first offset behind it; `undefined` when the log does not tell, so that a person has to. */
  readonly to: number | undefined;
  readonly reason: DamageReason;
  /** For people. */
  readonly why: string;
  /** Of a topic that is copied, and ends before what is copied of it, where it begins: it may be copied from there, or from `from`. */
  readonly beginsAt?: number;
}

/** A stretch of one partition cannot be read; other partitions are not concerned. */
export class LogDamagedError extends LogRefusedError {
  override readonly code = "log_damaged";
  constructor(readonly damage: Damage, options?: FreshetErrorOptions) {
    super(damageMessage(damage), options);
  }
}

function damageMessage(damage: Damage): string {
  const { topic, partition, from, to, reason, why, beginsAt } = damage;
  if (beginsAt !== undefined) return behindItsCopy(damage, beginsAt);
  if (reason === "truncated") {
    return `"${topic}" partition ${partition} ends at offset ${from}, and the tables have it up to ${to} (${why}): if its leader ` +
      `lost records, "freshet skip ${topic} ${partition} ${from} ${to}" goes on at ${to} once the log is there; if the topic ` +
      "was made anew, begin again with it";
  }
  const offsets = to === undefined ? `from offset ${from} on` : `at offsets ${from} to ${to - 1}`;
  const go = `"freshet skip ${topic} ${partition} ${from} ${to ?? "<to>"}" goes on behind it`;
  const end = to === undefined ? ", where <to> is the first offset that can be read again" : "";
  return reason === "deleted"
    ? `"${topic}" partition ${partition} has lost records ${offsets} before they were read (${why}): ${go}`
    : `"${topic}" partition ${partition} cannot be read ${offsets} (${why}): ${go}${end}, or mend the log`;
}

function behindItsCopy({ topic, partition, from, to }: Damage, beginsAt: number): string {
  const skip = (at: number) => `"freshet skip ${topic} ${partition} ${at} ${to}"`;
  const anew = `${skip(beginsAt)} copies it anew from its beginning, ${beginsAt}`;
  return `"${topic}" partition ${partition} ends at offset ${from}, and is copied up to ${to}: ` +
    (beginsAt === from
      ? `it was made anew, or has lost its end: ${anew}`
      : `if it was made anew, ${anew}; if it has lost its end, ${skip(from)} copies what comes from ${from} on`);
}

/** The Schema Registry cannot be reached or used right now. */
export class SchemaRegistryUnavailableError extends FreshetError {
  readonly code = "schema_registry_unavailable";
  readonly retriable = true;
}

/** The Schema Registry refused the login or a schema, or is none: trying again cannot help. */
export class SchemaRegistryRefusedError extends FreshetError {
  readonly code = "schema_registry_refused";
  readonly retriable = false;
}

/** Why a value that was written by a schema cannot be read. */
export type UnreadableReason = "schema_mismatch" | "too_large" | "nested_too_deep";

/** A record's value is not what its schema says, or is more than can be taken. */
export class UnreadableValueError extends FreshetError {
  readonly code = "unreadable_value";
  readonly retriable = false;

  constructor(readonly reason: UnreadableReason, message: string, options?: FreshetErrorOptions) {
    super(message, options);
  }
}

/** The warehouse cannot be reached, is out of space or was interrupted; nothing of the unit was written. */
export class WarehouseUnavailableError extends FreshetError {
  readonly code: string = "warehouse_unavailable";
  readonly retriable = true;
}

/** The warehouse ran out of memory; nothing of the unit was written, and a smaller one may go through. */
export class WarehouseMemoryError extends WarehouseUnavailableError {
  override readonly code = "warehouse_memory";
}

/** The warehouse file is damaged or locked, or the account refuses the login: trying again cannot help. */
export class WarehouseRefusedError extends FreshetError {
  readonly code = "warehouse_refused";
  readonly retriable = false;
}

/** A commit was sent and its answer never came: only reading the offsets back can tell. */
export class CommitUnknownError extends FreshetError {
  readonly code = "commit_unknown";
  readonly retriable = true;
}

/** Another instance owns a partition of this unit; nothing of the unit was written. */
export class FencedError extends FreshetError {
  readonly code = "fenced";
  readonly retriable = true;
}

/** A row that the warehouse refuses whatever is tried, traced to the record it came from. */
export interface RefusedRow {
  readonly table: string;
  readonly partition: number;
  readonly offset: number;
  readonly detail: string;
}

/** The warehouse refused rows of a unit; nothing of the unit was written. */
export class RowsRefusedError extends FreshetError {
  readonly code = "rows_refused";
  readonly retriable = true;
  constructor(readonly rows: readonly RefusedRow[], options?: FreshetErrorOptions) {
    super(`The warehouse refused ${rows.length} rows, first: ${rows[0]?.table}: ${rows[0]?.detail}`, options);
  }
}

/** A thread has ended by something that nothing in it expected; what it had committed stays. */
export class ThreadFailedError extends FreshetError {
  readonly code = "thread_failed";
  readonly retriable = true;
}

/** Stored state was written by another version or for other windows. */
export class StateMismatchError extends FreshetError {
  readonly code = "state_mismatch";
  readonly retriable = false;
}

/** A statement given to `query` is not one read-only statement, or ran into its limit. */
export class QueryRefusedError extends FreshetError {
  readonly code = "query_refused";
  readonly retriable = false;
}

/** Other queries, or the pipelines, have what the query would need: nothing is wrong with it. */
export class QueryBusyError extends FreshetError {
  readonly code = "query_busy";
  readonly retriable = true;
}

/** A query's answer, or what it takes to find it, is more than the memory there is: one for fewer or shorter rows may do. */
export class QueryTooLargeError extends QueryRefusedError {}

/** The query was ended, as it took longer than it may: a smaller one may not. */
export class QueryTimeoutError extends QueryRefusedError {}
