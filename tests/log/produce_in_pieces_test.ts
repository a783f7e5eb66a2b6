import { assertEquals } from "@std/assert";
import { LogUnavailableError, RecordTooLargeError } from "../../src/errors.ts";
import type { NewRecord, RecordPosition } from "../../src/log/log.ts";
import { type Outcome, produceInPieces } from "../../src/log/produce_in_pieces.ts";

/** A log that takes so many characters of each partition at once; what it has written, by partition. */
class NarrowLog {
  readonly written: string[][] = [[], [], []];
  calls = 0;

  constructor(readonly most: number, readonly failAt = Infinity) {}

  produce(records: readonly NewRecord[]): Promise<readonly RecordPosition[]> {
    if (this.calls++ === this.failAt) return Promise.reject(new LogUnavailableError("away"));
    const written = new Map<number, RecordPosition>();
    for (const [partition, share] of Map.groupBy(records.entries(), ([, record]) => record.partition!)) {
      if (share.reduce((sum, [, { value }]) => sum + String(value).length, 0) > this.most) continue;
      for (const [i, { value }] of share) {
        written.set(i, { partition, offset: this.written[partition]!.push(String(value)) - 1 });
      }
    }
    if (written.size < records.length) return Promise.reject(new RecordTooLargeError("too large", { written }));
    return Promise.resolve(records.map((_, i) => written.get(i)!));
  }
}

const record = (partition: number, value: string) => ({ partition, value });
const toText = (outcome: Outcome) =>
  "failure" in outcome
    ? (outcome.failure as Error).message
    : `${outcome.position.partition}/${outcome.position.offset}`;

Deno.test("what was written beside a share that is too large is not sent again", async () => {
  const log = new NarrowLog(3);
  const records = [record(0, "aa"), record(1, "b"), record(0, "cc"), record(2, "d"), record(0, "ee")];
  const outcomes = await produceInPieces(records, (some) => log.produce(some));
  assertEquals(log.written, [["aa", "cc", "ee"], ["b"], ["d"]]);
  assertEquals(outcomes.map(toText), ["0/0", "1/0", "0/1", "2/0", "0/2"]);
});

Deno.test("a record that is too large alone is refused, and the others are written once", async () => {
  const log = new NarrowLog(3);
  const records = [record(0, "a"), record(0, "huge"), record(1, "b"), record(0, "c")];
  const outcomes = await produceInPieces(records, (some) => log.produce(some));
  assertEquals(log.written, [["a", "c"], ["b"], []]);
  assertEquals(outcomes.map(toText), ["0/0", "too large", "1/0", "0/1"]);
});

Deno.test("another failure is told of the records of its piece alone", async () => {
  const log = new NarrowLog(3, 1);
  const records = [record(0, "aa"), record(1, "b"), record(0, "cc")];
  const outcomes = await produceInPieces(records, (some) => log.produce(some));
  assertEquals(log.written, [["cc"], ["b"], []]);
  assertEquals(outcomes.map(toText), ["away", "1/0", "0/0"]);
});
