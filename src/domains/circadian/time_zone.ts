// IANA time zones by name, and what a clock on the wall shows in them. Must not know what the times are of.

const REMEMBERED_NAMES = 1000;
const names = new Map<string, string | null>();

/**
 * The time zone in the spelling of the tz database ("europe/paris" is "Europe/Paris"), or `undefined` when there is none of
 * that name. Links keep their own name ("US/Eastern"). A bare offset such as "+02:00" is no zone: it knows no summer time.
 */
export function timeZoneNamed(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined) return known ?? undefined;
  if (names.size >= REMEMBERED_NAMES) names.clear();
  const zone = lookUp(text);
  names.set(text, zone ?? null);
  return zone;
}

function lookUp(text: string): string | undefined {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(text)) return undefined;
  try {
    return Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(text).timeZoneId;
  } catch {
    return undefined;
  }
}

/** Milliseconds that a zone's clocks are ahead of UTC at an instant, epoch milliseconds. */
export function offsetMsAt(timeMs: number, timeZone: string): number {
  return Temporal.Instant.fromEpochMilliseconds(Math.floor(timeMs)).toZonedDateTimeISO(timeZone).offsetNanoseconds /
    1e6;
}
