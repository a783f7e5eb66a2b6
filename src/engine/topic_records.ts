// What people see of a topic's records when they look at them elsewhere than in the log. Types only.

/** A record as it is told to people who look at it elsewhere. */
export interface RecordText {
  readonly partition: number;
  readonly offset: number;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly key: string | null;
  /** The bytes: text, or base64 where they are none; `null` for a record without a value. */
  readonly raw: string | null;
  readonly encoding: "utf-8" | "base64";
  /** Bytes of the value. */
  readonly length: number;
  /** What the value says as JSON text, where that is not its very text. */
  readonly decoded: string | null;
  /** The schema that the record names. */
  readonly schema?: number | string;
  /** Why it says nothing. */
  readonly problem?: string;
  /** Whether a text was cut. */
  readonly is_cut: boolean;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** What is looked at over HTTP. */
export interface RecordsLook {
  readonly topic: string;
  readonly partition?: number;
  readonly from?: number;
  /** So many records at most, until what comes is followed. */
  readonly last: number;
  readonly key?: string;
  readonly follow: boolean;
}

/** Some of the records that were looked for. */
export interface SeenRecords {
  readonly records: readonly RecordText[];
  /** Records that came at the same time and are left out: nobody reads so many. */
  readonly left_out: number;
}

/** A topic as the log knows it. */
export interface SeenTopic {
  readonly topic: string;
  /** By their numbers: the first offset that is held, and the one after the last. */
  readonly partitions: readonly { readonly low: number; readonly high: number }[];
}

/** Topics of a log, to be looked at. */
export interface TopicSource {
  /** Those of these names that there are. */
  topics(names: readonly string[]): Promise<readonly SeenTopic[]>;
  /** Ends after `last` records unless it follows. Yields nothing of a topic that there is not. */
  read(look: RecordsLook, signal: AbortSignal): AsyncGenerator<SeenRecords>;
}
