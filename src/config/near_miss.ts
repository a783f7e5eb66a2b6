// Names in the environment that are nearly those of settings: whoever wrote them meant a setting, and would wonder in vain.
// Must not know what the settings are.
import { distance } from "fastest-levenshtein";

/** Of a name behind its first word so much may be otherwise. */
const EDITS_SHARE = 0.34;
/** Shorter parts are too little to tell. */
const MIN_PART = 4;

/**
 * The setting that a name which is none nearly is: with letters otherwise, in small letters, or cut off; `undefined` for what
 * may well be another program's. Both begin with the same word.
 */
export function nearMiss(name: string, known: readonly string[]): string | undefined {
  const upper = name.toUpperCase();
  if (known.includes(upper)) return upper;
  const [first, part] = split(upper);
  if (part.length < 3) return undefined;
  const family = known.filter((setting) => split(setting)[0] === first);
  const ranked = family.map((setting) => ({ setting, edits: distance(part, split(setting)[1]) }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  if (best && best.edits <= Math.max(1, Math.floor(part.length * EDITS_SHARE))) return best.setting;
  return part.length < MIN_PART ? undefined : family.find((setting) => isCutOff(part, split(setting)[1]));
}

/** `BOOTSTRAP` for `BOOTSTRAP_SERVERS`, `USERNAME` for `USER`; what has more words than the setting is something else. */
function isCutOff(part: string, setting: string): boolean {
  if (setting.startsWith(part)) return true;
  return setting.length >= MIN_PART && part.startsWith(setting) && part[setting.length] !== "_";
}

function split(name: string): readonly [first: string, part: string] {
  const at = name.indexOf("_");
  return at < 0 ? [name, ""] : [name.slice(0, at), name.slice(at + 1)];
}
