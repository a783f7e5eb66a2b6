// The write-ahead log that lies beside the log's file after a kill, read without SQLite: that takes a frame whose checksum is
// wrong for the end, and forgets all commits behind it without a word. Must not know tables.
//
// https://sqlite.org/fileformat2.html#the_write_ahead_log and, for the index beside it, https://sqlite.org/walformat.html

const HEADER_BYTES = 32;
const FRAME_HEAD_BYTES = 24;
/** First word of one whose checksums are of little-endian words, as all machines write it that Deno runs on. */
const MAGIC = 0x377f_0682;
/** Where the index's header has what it is told; it is there twice, the same. */
const INDEX = { bytes: 48, isInit: 12, frames: 16, salts: 32, backfilled: 96 } as const;
/** Somebody else may write just while it is read, and no log is read at one moment: what is damaged is so twice. */
const TRIES = 5;
const PAUSE_MS = 20;

type Sums = readonly [number, number];

interface Frame {
  /** From 1 on. */
  readonly page: number;
  /** Pages of the file after the commit that this frame ends; 0 when it ends none. */
  readonly commit: number;
  readonly salts: string;
  readonly stored: Sums;
}

/** What the index says of the last commit. It goes with the machine: after a power cut it may say less, and never more. */
interface Index {
  /** Frames up to the end of the last commit, and how many of them are in the file already. */
  readonly frames: number;
  readonly backfilled: number;
  readonly salts: string;
}

/** Commits were acknowledged that SQLite will not find. */
export interface WalDamage {
  /** The last frame that it finds; 0 for none. */
  readonly whole: number;
  /** The last one that is known to have been there. */
  readonly last: number;
}

class Wal {
  readonly #words: Uint32Array;
  readonly #view: DataView;
  readonly pageBytes: number;
  readonly frames: number;
  readonly isHeaderWhole: boolean;
  readonly salts: string;

  /** `pageBytes` of the file, for a header that does not say. */
  constructor(readonly bytes: Uint8Array<ArrayBuffer>, pageBytes: number) {
    this.#view = new DataView(bytes.buffer);
    this.#words = new Uint32Array(bytes.buffer, 0, Math.floor(bytes.length / 4));
    this.isHeaderWhole = bytes.length >= HEADER_BYTES && this.#view.getUint32(0) === MAGIC &&
      isSame(this.#sum(0, 24, [0, 0]), this.#stored(24));
    this.pageBytes = this.isHeaderWhole ? this.#view.getUint32(8) : pageBytes;
    this.frames = Math.max(0, Math.floor((bytes.length - HEADER_BYTES) / (FRAME_HEAD_BYTES + this.pageBytes)));
    this.salts = this.isHeaderWhole ? this.#hex(16) : this.frames > 0 ? this.frame(1).salts : "";
  }

  frame(n: number): Frame {
    const at = this.#at(n);
    return {
      page: this.#view.getUint32(at),
      commit: this.#view.getUint32(at + 4),
      salts: this.#hex(at + 8),
      stored: this.#stored(at + 16),
    };
  }

  pageOf(n: number): Uint8Array {
    return this.bytes.subarray(this.#at(n) + FRAME_HEAD_BYTES, this.#at(n + 1));
  }

  /** The checksum of a frame that comes after what has `before`. */
  sumOf(n: number, before: Sums): Sums {
    const at = this.#at(n);
    return this.#sum(at + FRAME_HEAD_BYTES, this.pageBytes, this.#sum(at, 8, before));
  }

  /** The checksum that the first frame goes on from. */
  get first(): Sums {
    return this.#stored(24);
  }

  #at(n: number): number {
    return HEADER_BYTES + (n - 1) * (FRAME_HEAD_BYTES + this.pageBytes);
  }

  #hex(at: number): string {
    return `${this.#view.getUint32(at)}-${this.#view.getUint32(at + 4)}`;
  }

  #stored(at: number): Sums {
    return [this.#view.getUint32(at), this.#view.getUint32(at + 4)];
  }

  #sum(at: number, bytes: number, [a, b]: Sums): Sums {
    const end = (at + bytes) / 4;
    for (let i = at / 4; i < end; i += 2) {
      a = (a + this.#words[i]! + b) | 0;
      b = (b + this.#words[i + 1]! + a) | 0;
    }
    return [a >>> 0, b >>> 0];
  }
}

const isSame = ([a, b]: Sums, [c, d]: Sums) => a === c && b === d;

/**
 * What of the write-ahead log of the file at `path` would be forgotten when it is opened. Nobody in this process may have the
 * file open: closing the index, which is read here, takes the locks that SQLite has on it away.
 */
export function damagedWal(path: string, pageBytes: number): WalDamage | undefined {
  let seen: WalDamage | undefined;
  for (let tries = 0; tries < TRIES; tries++) {
    const before = indexOf(path);
    const wal = new Wal(read(`${path}-wal`), pageBytes);
    if (before?.salts !== indexOf(path)?.salts) continue;
    const damage = damageOf(wal, before);
    if (!damage || damage.whole === seen?.whole && damage.last === seen.last) return damage;
    seen = damage;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
  }
}

function damageOf(wal: Wal, index: Index | undefined): WalDamage | undefined {
  const { whole, next, sums } = wholeFrames(wal);
  // What is in the file already goes back, too, to what the frames before the damaged one say.
  const isBehind = wal.frames > 0 ? index?.salts === wal.salts : index && index.frames > index.backfilled;
  if (index && isBehind && index.frames > whole) return { whole, last: index.frames };
  const behind = commitsBehind(wal, next, sums);
  // The last commit is torn where the power went before it was acknowledged, and the frames of one end with it.
  return behind.commits >= 2 ? { whole, last: behind.last } : undefined;
}

/** How far SQLite gets: to the last commit, which frame it stumbles over, and its checksum as it should be. */
function wholeFrames(wal: Wal): { readonly whole: number; readonly next: number; readonly sums: Sums | undefined } {
  if (!wal.isHeaderWhole) return { whole: 0, next: 0, sums: undefined };
  let whole = 0;
  let sums = wal.first;
  for (let n = 1; n <= wal.frames; n++) {
    const { commit, salts, stored } = wal.frame(n);
    sums = wal.sumOf(n, sums);
    if (salts !== wal.salts || !isSame(sums, stored)) return { whole, next: n, sums };
    if (commit > 0) whole = n;
  }
  return { whole, next: wal.frames + 1, sums: undefined };
}

/**
 * Commits that were written on from frame `bad`: each frame has the checksum that follows from the one before. Those of an older
 * time, which are only overwritten as far as the log has grown since, have another: there it ends.
 */
function commitsBehind(
  wal: Wal,
  bad: number,
  sums: Sums | undefined,
): { readonly commits: number; readonly last: number } {
  let [commits, last] = [0, bad];
  for (let n = bad + 1; n <= wal.frames; n++) {
    const { commit, salts, stored } = wal.frame(n);
    if (n === 1) continue;
    if (salts !== wal.salts) break;
    const follows = (before: Sums | undefined) => before !== undefined && isSame(wal.sumOf(n, before), stored);
    if (!follows(wal.frame(n - 1).stored) && !(n === bad + 1 && follows(sums))) break;
    if (commit === 0) continue;
    commits++;
    last = n;
  }
  const isLastOfItsCommit = bad > 0 && bad <= wal.frames && wal.frame(bad).commit > 0;
  return { commits: commits + (commits > 0 && isLastOfItsCommit ? 1 : 0), last };
}

/**
 * Puts what the frames hold into the file at `path`, a copy that nobody has open, up to the last commit that is known: also of a
 * frame whose checksum is wrong, as its page has more of what was written than the one in the file. `walPath` is the log.
 */
export function foldWal(path: string, walPath: string, { last, pageBytes }: { last: number; pageBytes: number }): void {
  const wal = new Wal(read(walPath), pageBytes);
  const end = Math.min(last, wal.frames);
  let pages = 0;
  for (let n = end; n > 0 && pages === 0; n--) pages = wal.frame(n).commit;
  using file = Deno.openSync(path, { write: true });
  for (let n = 1; n <= end; n++) {
    const { page } = wal.frame(n);
    if (page === 0 || page > pages) continue;
    file.seekSync((page - 1) * wal.pageBytes, Deno.SeekMode.Start);
    for (let rest = wal.pageOf(n); rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
  }
  if (pages > 0) file.truncateSync(pages * wal.pageBytes);
}

function indexOf(path: string): Index | undefined {
  const bytes = read(`${path}-shm`);
  const { bytes: half, isInit, frames, salts, backfilled } = INDEX;
  if (bytes.length < backfilled + 4 || bytes[isInit] !== 1) return undefined;
  for (let i = 0; i < half; i++) if (bytes[i] !== bytes[half + i]) return undefined;
  const view = new DataView(bytes.buffer);
  const word = (at: number) => view.getUint32(at, true);
  return {
    frames: word(frames),
    backfilled: word(backfilled),
    // They are there as the log has them.
    salts: `${view.getUint32(salts)}-${view.getUint32(salts + 4)}`,
  };
}

function read(path: string): Uint8Array<ArrayBuffer> {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Uint8Array();
    throw error;
  }
}
