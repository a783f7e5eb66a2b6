// The history of the pipelines in a file of the data folder, so that a restart does not lose it: a line of JSON for each sample.
// In a file, not in a table: it is about the process (its memory, how long its commits take), so each replica has its own; a
// reader needs no warehouse, and with Snowflake nothing is written or asked that would wake it. Must not know what a sample says.
import * as z from "zod";
import { loggerFor } from "../../logging.ts";

/** What every sample has. */
const Sample = z.looseObject({ at: z.number() });

export interface HistoryFileOptions {
  readonly path: string;
  /** Samples that are kept; the file is made anew when it holds twice as many. */
  readonly kept: number;
}

/** Reads and writes whole lines. A file that cannot be written costs the history after a restart, and nothing else. */
export class HistoryFile<T extends { readonly at: number }> {
  readonly #options: HistoryFileOptions;
  #lines: string[] = [];
  #isBroken = false;

  constructor(options: HistoryFileOptions) {
    this.#options = options;
  }

  /**
   * The samples of a time, epoch milliseconds, the oldest first. Those that `isOne` does not know are left out, as is a line
   * that a kill has cut off.
   */
  load(
    { from, until }: { readonly from: number; readonly until: number },
    isOne: (sample: object) => sample is T,
  ): readonly T[] {
    const lines = readLines(this.#options.path);
    const samples = lines.flatMap((line) => {
      const sample = sampleOf(line);
      return sample !== undefined && sample.at >= from && sample.at <= until && isOne(sample) ? [sample] : [];
    }).slice(-this.#options.kept);
    this.#lines = samples.map((sample) => JSON.stringify(sample));
    // What is left of a line that was cut off would spoil the next one.
    if (lines.length > 0) this.#write(() => this.#writeAll());
    return samples;
  }

  append(sample: T): void {
    const { path, kept } = this.#options;
    const line = JSON.stringify(sample);
    this.#lines.push(line);
    this.#write(() => {
      if (this.#lines.length > 2 * kept) return this.#writeAll();
      Deno.writeTextFileSync(path, `${line}\n`, { append: true, mode: 0o600 });
    });
  }

  #writeAll(): void {
    const { path, kept } = this.#options;
    this.#lines = this.#lines.slice(-kept);
    Deno.writeTextFileSync(`${path}.new`, this.#lines.map((line) => `${line}\n`).join(""), { mode: 0o600 });
    Deno.renameSync(`${path}.new`, path);
  }

  #write(work: () => void): void {
    try {
      work();
      this.#isBroken = false;
    } catch (error) {
      if (!this.#isBroken) {
        loggerFor("dashboard").warn(
          "The history of the pipelines cannot be kept over a restart: {path} cannot be written ({error})",
          { path: this.#options.path, error: (error as Error).message },
        );
      }
      this.#isBroken = true;
    }
  }
}

function readLines(path: string): readonly string[] {
  try {
    return Deno.readTextFileSync(path).split("\n");
  } catch {
    // There is none yet, or it cannot be read: the history begins anew.
    return [];
  }
}

function sampleOf(line: string): z.infer<typeof Sample> | undefined {
  try {
    return Sample.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
