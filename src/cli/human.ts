// Times, ages and shares as people write them. Knows no more than the number.

const SECOND_MS = 1_000;
const UNITS = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", SECOND_MS]] as const;

/** "3 s", "5 min", "2 h", "4 d"; "0 s" below a second. */
export function ageText(ms: number): string {
  const [unit, size] = UNITS.find(([, size]) => ms >= size) ?? ["s", SECOND_MS];
  return `${Math.max(0, Math.floor(ms / size))} ${unit}`;
}

/** "14:03:07" of today (UTC), "11-19 14:03" of this year, "2025-11-19 14:03" else, "none" for no time. Epoch milliseconds. */
export function timeOfDay(at: number | null, now: number): string {
  if (at === null || !Number.isFinite(at)) return "none";
  const [text, today] = [new Date(at).toISOString(), new Date(now).toISOString()];
  if (text.slice(0, 10) === today.slice(0, 10)) return text.slice(11, 19);
  return text.slice(text.slice(0, 4) === today.slice(0, 4) ? 5 : 0, 16).replace("T", " ");
}

/** A bar of so many characters, filled up to a share from 0 to 1. */
export function barText(share: number, width: number): string {
  const full = Math.round(Math.max(0, Math.min(1, share)) * width);
  return "█".repeat(full) + "░".repeat(width - full);
}
