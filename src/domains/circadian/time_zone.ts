// IANA time zones by name, and what a clock on the wall shows in them. Must not know what the times are of.

const REMEMBERED_NAMES = 1000;
const names = new Map<string, string | null>();

/**
 * The time zone in the spelling of the tz database ("europe/paris" is "Europe/Paris"), or `undefined` when there is none of
 * that name. Links keep their own name ("US/Eastern"). An offset such as "+02:00" is a zone without summer time.
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
  if (!/^([A-Za-z][A-Za-z0-9_+/-]{0,63}|[+-]\d\d:\d\d)$/.test(text)) return undefined;
  try {
    return Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(text).timeZoneId;
  } catch {
    return undefined;
  }
}

/**
 * When a zone's clocks show a time, which is given as if they were UTC's; epoch milliseconds. Of an hour that comes twice the
 * second one, of an hour that clocks pass over as much later.
 */
export function instantShownAs(clockMs: number, timeZone: string): number {
  const whole = Math.floor(clockMs);
  const shown = Temporal.Instant.fromEpochMilliseconds(whole).toZonedDateTimeISO("UTC").toPlainDateTime();
  return shown.toZonedDateTime(timeZone, { disambiguation: "later" }).epochMilliseconds + (clockMs - whole);
}

/** Milliseconds that a zone's clocks are ahead of UTC at an instant, epoch milliseconds. */
export function offsetMsAt(timeMs: number, timeZone: string): number {
  return Temporal.Instant.fromEpochMilliseconds(Math.floor(timeMs)).toZonedDateTimeISO(timeZone).offsetNanoseconds /
    1e6;
}
