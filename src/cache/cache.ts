// The cache port: texts by key, kept for a while, that can be made again at any time. A cache never fails its caller: what it
// cannot tell is a miss, what it cannot keep is not kept.

/** After a key was deleted, values for it are not taken for so long, milliseconds: see {@link Cache.set}. */
export const HOLD_MS = 5_000;

/** Whether the cache can be reached; one in memory always can. */
export interface CacheStatus {
  readonly kind: "memory" | "redis";
  readonly reachable: boolean;
}

/** None of the calls rejects, and none takes longer than a fraction of a second. */
export interface Cache extends AsyncDisposable {
  /** For people: memory, or the server's address without secrets. */
  readonly description: string;
  status(): CacheStatus;
  /** The value of the key, unless it has expired, was deleted or cannot be had. */
  get(key: string): Promise<string | undefined>;
  /**
   * Keeps a value for `expiryMs`; not so for {@link HOLD_MS} after its key was deleted: somebody who began to make the value
   * before the delete, here or in another process, must not bring it back. Whoever takes longer than that must not set.
   */
  set(key: string, value: string, expiryMs: number): Promise<void>;
  /**
   * Forgets the values of the keys. When that fails because the cache cannot be reached, nothing that is in it now will be
   * told after it has come back.
   */
  delete(keys: readonly string[]): Promise<void>;
  /** Forgets everything, as a delete of all keys that there are. */
  clear(): Promise<void>;
}
