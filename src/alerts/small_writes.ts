// Rows that are written now and then beside the pipelines, by one session for all: what became of messages, and what people note.
import { WarehouseUnavailableError } from "../errors.ts";
import type { Upsert, Warehouse, Writer } from "../warehouse/warehouse.ts";

export class SmallWrites implements AsyncDisposable {
  readonly #warehouse: Pick<Warehouse, "writer">;
  #writer: Promise<Writer> | undefined;
  /** Calls of a writer do not overlap. */
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(warehouse: Pick<Warehouse, "writer">) {
    this.#warehouse = warehouse;
  }

  /**
   * Writes the rows in one transaction, after what was written before; writing them again changes nothing. A session is opened
   * with the first, and anew after one has failed. Rejects with the warehouse's errors.
   */
  async write(upserts: readonly Upsert[]): Promise<void> {
    if (this.#isClosed) throw new WarehouseUnavailableError("Nothing is written any more: the run is ending");
    const write = this.#last.catch(() => {}).then(async () => {
      const opening = this.#writer ??= this.#warehouse.writer("alerts");
      try {
        await (await opening).commit({ topic: "", appends: [], upserts, deletes: [], state: [], moves: [] });
      } catch (error) {
        this.#writer = undefined;
        // What closing fails with as well says less.
        await opening.then((writer) => writer[Symbol.asyncDispose]()).catch(() => {});
        throw error;
      }
    });
    this.#last = write;
    await write;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#last.catch(() => {});
    const writer = await this.#writer?.catch(() => undefined);
    await writer?.[Symbol.asyncDispose]();
  }
}
