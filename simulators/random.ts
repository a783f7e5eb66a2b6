// Seeded random numbers, so that a seed is a world. Knows nothing of what is simulated.

/** Scrambles whole numbers into one of 32 bits (MurmurHash3's mixing steps). The same numbers give the same answer. */
export function hash(...numbers: readonly number[]): number {
  let state = 0x9747b28c;
  for (const number of numbers) {
    let k = Math.imul(number | 0, 0xcc9e2d51);
    k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
    state ^= k;
    state = (Math.imul((state << 13) | (state >>> 19), 5) + 0xe6546b64) | 0;
  }
  state ^= numbers.length * 4;
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
}

/** Noise: a number in [0, 1) that depends on the given whole numbers alone. */
export function uniform(...numbers: readonly number[]): number {
  return hash(...numbers) / 2 ** 32;
}

/** Noise about 0 with standard deviation 1 (sum of four uniforms, so never beyond ±3.5). */
export function gaussian(...numbers: readonly number[]): number {
  const first = hash(...numbers);
  let sum = 0;
  for (let i = 0; i < 4; i++) sum += hash(first, i) / 2 ** 32;
  return (sum - 2) * Math.sqrt(3);
}

/** A sequence of random numbers. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = hash(seed);
  }

  /** In [0, 1) (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }
}
