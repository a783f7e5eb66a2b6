// Keyed state that is kept in the data folder for the next start, which then goes on from a snapshot and what the warehouse has
// been told since, and need not read all that there is.
//
// The warehouse stays what counts. With a snapshot a mark is written, in the unit whose state it holds: the deletion of a key of
// its own in FRESHET_STATE. Where the mark is, so is the unit. And compacting drops deletions, the mark among them: where it is,
// so is all that was deleted since.

import type { ByteSink, ByteSource, SpillFile } from "@freshet/stream";
import type { Checkpoints, StateChange } from "../warehouse/warehouse.ts";
import { readSnapshot, writeSnapshot } from "./snapshot_file.ts";
import { StateFile } from "./state_file.ts";

/** Raised when what a snapshot holds is laid out otherwise, or means something else. */
const FORMAT = 1;
/** What FRESHET_STATE calls the operator of the marks. */
const MARKS = "freshet.snapshot";
/** At the beginning of the file of keys, where no key is. */
const STAMP_BYTES = 16;

/** Whose state. One is only taken up for the same. */
export interface StateIdentity {
  readonly domain: string;
  readonly topic: string;
  /** In order; at least one. */
  readonly partitions: readonly number[];
  /** What else the state depends on, by name: fingerprints of operators among them. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Where the warehouse is with the unit that a snapshot is of. */
export interface SnapshotPlace {
  /** The unit's, by partition. */
  readonly checkpoints: Checkpoints;
  /** Rows that FRESHET_STATE has got since it was last compacted, with those of the unit. */
  readonly appended: number;
}

/** A snapshot that was found. */
export interface FoundSnapshot extends SnapshotPlace {
  /** The key of its mark, and its stamp in the file of keys. */
  readonly id: string;
  /** Hands out what was saved. */
  read(load: (source: ByteSource) => void): void;
  /** Whether a change is its mark, and none of an operator's state. */
  isMark(change: StateChange): boolean;
}

/** A snapshot that is not in the place of the one before yet. */
export interface WrittenSnapshot extends Pick<SnapshotPlace, "checkpoints"> {
  /** To be written with its unit. */
  readonly marks: readonly StateChange[];
  /** Puts it in the place of the one before, once its unit is committed. */
  keep(): Promise<void>;
}

interface Header {
  readonly format: number;
  readonly of: StateIdentity;
  readonly id: string;
  readonly checkpoints: readonly (readonly [partition: number, checkpoint: number])[];
  readonly appended: number;
}

/** Files of a domain's state in the data folder, by the first of the partitions that it is of. */
const nameOf = ({ domain }: StateIdentity, partition: number) => `freshet-state-${domain}-${partition}`;

/** The state of some partitions in the data folder, which nobody else opens meanwhile. */
export class KeptState implements Disposable {
  #file: StateFile | undefined;
  /** Whether the file has a name, so that another start finds it. */
  #isNamed = false;
  /** What is being kept is not to be found either. */
  #isForgotten = false;
  readonly #name: string;
  readonly #path: string;
  /** Of a snapshot that is not in its place yet. */
  readonly #written: string;

  constructor(private readonly folder: string, private readonly of: StateIdentity) {
    this.#name = nameOf(of, of.partitions[0]!);
    this.#path = this.#pathOf(this.#name);
    this.#written = `${this.#path}.tmp`;
  }

  /** The file that keys are in, empty but for what was found; without a name where somebody else has the one with it. */
  file(): SpillFile {
    if (this.#file) return this.#file;
    if (this.#openNamed()) this.#clear();
    return this.#file ??= StateFile.nameless(this.folder);
  }

  /** Whether snapshots can be written. */
  get canSave(): boolean {
    return this.#isNamed;
  }

  /** The snapshot that an earlier start has left of the same state, if it is whole. Then the file has what belongs to it. */
  find(): FoundSnapshot | undefined {
    this.#forgetOthers();
    if (!exists(this.#path) || !this.#openNamed()) return undefined;
    try {
      const found = readSnapshot(this.#path, (header) => this.#found(header as Header));
      return found && this.#stamp() === found.id ? found : undefined;
    } catch {
      // One that is not whole is as good as none.
      return undefined;
    }
  }

  #found({ format, of, id, checkpoints, appended }: Header): FoundSnapshot | undefined {
    if (format !== FORMAT || JSON.stringify(of) !== JSON.stringify(this.of)) return undefined;
    return {
      id,
      checkpoints: new Map(checkpoints),
      appended,
      read: (load) => readSnapshot(this.#path, (_, source) => load(source)),
      isMark: ({ operator, key }) => operator === MARKS && key === id,
    };
  }

  /** Forgets what an earlier start has left, and what is on its way: no start finds it. */
  forget(): void {
    this.#isForgotten = true;
    const isThere = [this.#path, `${this.folder}/${this.#name}.keys`].some(exists);
    if (isThere && this.#openNamed()) this.#clear();
  }

  /** The stamp goes first: without it the snapshot is worth nothing. */
  #clear(): void {
    this.#file!.clear();
    for (const path of [this.#path, this.#written]) remove(path);
  }

  /** Writes a snapshot of what `save` saves, and of the file. */
  write({ checkpoints, appended }: SnapshotPlace, save: (sink: ByteSink) => void): WrittenSnapshot {
    const id = crypto.randomUUID().slice(-STAMP_BYTES);
    const header: Header = { format: FORMAT, of: this.of, id, checkpoints: [...checkpoints], appended };
    this.#isForgotten = false;
    try {
      writeSnapshot(this.#written, header, save);
    } catch (error) {
      // It may be all that there was room for.
      remove(this.#written);
      throw error;
    }
    return {
      checkpoints,
      marks: this.of.partitions.map((partition) => ({
        operator: MARKS,
        partition,
        namespace: 0,
        key: id,
        value: null,
      })),
      keep: async () => {
        await this.#file!.sync();
        if (this.#isForgotten) return;
        using file = Deno.openSync(this.#written, { write: true });
        await file.syncData();
        if (this.#isForgotten) return;
        this.#file!.write(new TextEncoder().encode(id), 0);
        // What the one before needs may be written anew from here on: it must not be found, whatever happens.
        await this.#file!.sync();
        if (!this.#isForgotten) Deno.renameSync(this.#written, this.#path);
      },
    };
  }

  /** Which snapshot the file of keys belongs to: that of another time, or none, is not taken for it. */
  #stamp(): string {
    const bytes = new Uint8Array(STAMP_BYTES);
    this.#file!.read(bytes, 0);
    return new TextDecoder().decode(bytes);
  }

  /** Of other partitions that are ours now an earlier start may have left something, under the name of the first of them. */
  #forgetOthers(): void {
    for (const partition of this.of.partitions.slice(1)) {
      const name = nameOf(this.of, partition);
      if (!exists(this.#pathOf(name))) continue;
      try {
        using file = StateFile.named(this.folder, `${name}.keys`);
        file?.clear();
        if (file) remove(this.#pathOf(name));
      } catch {
        // It takes room, and is of no use without its stamp.
      }
    }
  }

  #openNamed(): boolean {
    if (this.#file) return this.#isNamed;
    try {
      this.#file = StateFile.named(this.folder, `${this.#name}.keys`);
    } catch {
      // Who cannot have it does without.
    }
    return this.#isNamed = this.#file !== undefined;
  }

  #pathOf(name: string): string {
    return `${this.folder}/${name}.snapshot`;
  }

  /** A file that no snapshot belongs to takes no room. */
  [Symbol.dispose](): void {
    try {
      if (this.#isNamed && !exists(this.#path)) this.#file!.clear();
    } finally {
      this.#file?.[Symbol.dispose]();
    }
  }
}

/** It may be gone already, or stay: it is of no use without what belongs to it. */
function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    return;
  }
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
