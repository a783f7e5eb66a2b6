// What a load costs in Snowflake credits, by Snowflake's published rules: a warehouse is billed by the second while it runs, a
// minute at least each time it resumes, and runs until it has had nothing to do for AUTO_SUSPEND seconds.
// https://docs.snowflake.com/en/user-guide/cost-understanding-compute
// An estimate: what a statement takes is assumed. Must not know settings or domains.

/** What is written, and how. */
export interface Load {
  /** Records a second of each domain. */
  readonly rates: readonly number[];
  /** Seconds between checkpoints by age. */
  readonly everySeconds: number;
  /** Records with which a checkpoint is due before. */
  readonly rows: number;
  /** Records that a checkpoint takes at most while more wait. */
  readonly backlogRows: number;
  /** Bytes of a record, with its key. */
  readonly recordBytes: number;
  /** Bytes of rows in a request. */
  readonly requestBytes: number;
  /** Credits that the warehouse uses in an hour. */
  readonly creditsAnHour: number;
  /** Whether raw rows go by Snowpipe Streaming, which takes no warehouse. */
  readonly streamsRaw?: boolean;
}

/** What comes of it, in a day. */
export interface Cost {
  /** Seconds between two checkpoints of the domain that has them most often. */
  readonly everySeconds: number;
  readonly checkpoints: number;
  /** How often the warehouse resumes; 0 where it never sleeps. */
  readonly wakings: number;
  readonly awakeSeconds: number;
  /** Of the warehouse, and of Snowpipe Streaming. */
  readonly credits: number;
  readonly statements: number;
  /** Micro-partitions that are written: each statement writes at least one of each table that it changes. */
  readonly microPartitions: number;
}

const DAY_SECONDS = 86_400;
/** As `freshet sql setup` sets it. */
export const AUTO_SUSPEND_SECONDS = 60;
/** Snowflake's least, each time that a warehouse resumes. */
const LEAST_SECONDS = 60;
/** What a statement of a checkpoint is assumed to take, with its way there and back. */
export const STATEMENT_SECONDS = 0.3;
/** What loading a MiB of rows is assumed to take beside. */
export const MEBIBYTE_SECONDS = 0.1;
const MEBIBYTE = 1024 * 1024;
/** A checkpoint is made early when so many bytes of records wait for it. */
const UNIT_BYTES = 32 * MEBIBYTE;
/** How much longer a record is as rows in a request: once as it came, once taken apart, with quotes escaped. Counted on trains. */
const BYTES_OF_ROWS = 2.2;
/** The same where raw rows go another way. */
const BYTES_OF_TYPED_ROWS = 1.2;
/** Snowpipe Streaming, for a GB before compression: Snowflake's Service Consumption Table, 5. */
const CREDITS_A_GB = 0.0037;
/** What a raw row has beside its record: metadata, and the columns' names. Counted on trains. */
const BYTES_BESIDE_RECORD = 200;
/** Of a checkpoint: BEGIN, its number, INSERT, three MERGEs, the lock, the offsets, COMMIT, and the look whether it is there. */
export const STATEMENTS = 10;
/** Statements from the lock of the offsets to the end, which the domains take one after the other. */
const STATEMENTS_IN_TURN = 3;
/** Tables that a checkpoint of a domain changes: raw, typed, three derived ones, state, offsets. */
export const TABLES = 7;

export function costOf(load: Load): Cost {
  const { everySeconds, creditsAnHour } = load;
  const busy = load.rates.filter((rate) => rate > 0);
  const intervals = busy.map((rate) => intervalOf(rate, load));
  const shortest = Math.min(...intervals, everySeconds);
  const requests = busy.map((rate, i) => requestsOf(rate * intervals[i]!, load));
  const checkpoints = busy.map((rate, i) => DAY_SECONDS / intervals[i]! * chance(rate, intervals[i]!));
  // The domains work beside each other, but for the offsets.
  const alone = Math.max(0, ...busy.map((rate, i) => secondsOf(rate * intervals[i]!, requests[i]!, load)));
  const busySeconds = alone + STATEMENT_SECONDS * STATEMENTS_IN_TURN * Math.max(0, busy.length - 1);
  // All domains come at the same ticks, so that one of them having records is a waking for all.
  const ticks = DAY_SECONDS / shortest * (1 - busy.reduce((none, rate) => none * (1 - chance(rate, shortest)), 1));
  const billedSeconds = Math.max(LEAST_SECONDS, busySeconds + AUTO_SUSPEND_SECONDS);
  const awakeSeconds = Math.min(DAY_SECONDS, ticks * billedSeconds);
  const total = (of: (index: number) => number) => checkpoints.reduce((sum, count, i) => sum + count * of(i), 0);
  return {
    everySeconds: shortest,
    checkpoints: total(() => 1),
    wakings: billedSeconds < shortest ? ticks : 0,
    awakeSeconds,
    credits: awakeSeconds / 3600 * creditsAnHour + streamedCredits(load),
    statements: total((i) => STATEMENTS - 1 + requests[i]!),
    microPartitions: total((i) => TABLES - 2 + 2 * requests[i]!),
  };
}

/** Seconds between checkpoints of a domain: the age, unless the rows or the bytes are there before. */
function intervalOf(rate: number, { everySeconds, rows, backlogRows, recordBytes }: Load): number {
  const most = UNIT_BYTES / (rate * recordBytes);
  // It is never due before the one before it is written: meanwhile more come, and it grows.
  const least = Math.min(STATEMENTS * STATEMENT_SECONDS, Math.max(rows, backlogRows) / rate);
  return Math.min(everySeconds, most, Math.max(rows / rate, least));
}

/** Of raw rows, in a day. */
function streamedCredits({ rates, recordBytes, streamsRaw = false }: Load): number {
  if (!streamsRaw) return 0;
  const rows = rates.reduce((sum, rate) => sum + rate * DAY_SECONDS, 0);
  return rows * (recordBytes + BYTES_BESIDE_RECORD) / 1e9 * CREDITS_A_GB;
}

/** Bytes of rows of so many records that go in requests to the warehouse. */
function bytesOf(records: number, { recordBytes, streamsRaw = false }: Load): number {
  return records * recordBytes * (streamsRaw ? BYTES_OF_TYPED_ROWS : BYTES_OF_ROWS);
}

/** Requests with rows of a checkpoint of so many records. */
function requestsOf(records: number, load: Load): number {
  return Math.max(1, Math.ceil(bytesOf(records, load) / load.requestBytes));
}

/** How long such a checkpoint takes. */
function secondsOf(records: number, requests: number, load: Load): number {
  const loading = bytesOf(records, load) / MEBIBYTE * MEBIBYTE_SECONDS;
  return STATEMENT_SECONDS * (STATEMENTS - 1 + requests) + loading;
}

/** Whether any record comes within so many seconds, when they come at random. */
function chance(rate: number, seconds: number): number {
  return 1 - Math.exp(-rate * seconds);
}
