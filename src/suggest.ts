// "Did you mean …?": the nearest of a few known words. Knows nothing else.

import { distance } from "fastest-levenshtein";

/** The known word nearest to `word`, or `undefined` when none is near enough to be meant. */
export function closest(word: string, known: readonly string[]): string | undefined {
  const ranked = known.map((candidate) => ({ candidate, edits: distance(word, candidate) }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best && best.edits <= Math.max(2, word.length * 0.3) ? best.candidate : undefined;
}
