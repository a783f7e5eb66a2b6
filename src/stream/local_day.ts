// Days as people live them: from midnight to midnight in an IANA time zone, 23 or 25 hours where clocks change.

/** A local day as a window. */
export interface LocalDay {
  /** Inclusive, epoch milliseconds. */
  readonly start: number;
  /** Exclusive, epoch milliseconds. */
  readonly end: number;
  /** `YYYY-MM-DD`. */
  readonly date: string;
}

const CACHED_DAYS = 4096;

/** Finds the local day of an instant. Remembers the days it has found, up to a limit. */
export class LocalCalendar {
  // By zone, then by UTC hour: zone rules change on quarter hours at most, but the day found is checked against its bounds.
  readonly #days = new Map<string, LocalDay>();

  /** The local day that `timeMs` falls into. Throws `RangeError` for an unknown zone. */
  dayOf(timeMs: number, timeZone: string): LocalDay {
    const slot = `${timeZone}/${Math.floor(timeMs / 3_600_000)}`;
    const known = this.#days.get(slot);
    if (known && timeMs >= known.start && timeMs < known.end) return known;
    const day = findDay(timeMs, timeZone);
    if (this.#days.size >= CACHED_DAYS) this.#days.clear();
    this.#days.set(slot, day);
    return day;
  }
}

function findDay(timeMs: number, timeZone: string): LocalDay {
  const date = localDate(timeMs, timeZone);
  const midnight = (day: Temporal.PlainDate) => day.toZonedDateTime(timeZone).startOfDay().epochMilliseconds;
  return { start: midnight(date), end: midnight(date.add({ days: 1 })), date: date.toString() };
}

function localDate(timeMs: number, timeZone: string): Temporal.PlainDate {
  const instant = Temporal.Instant.fromEpochMilliseconds(Math.floor(timeMs));
  try {
    return instant.toZonedDateTimeISO(timeZone).toPlainDate();
  } catch (cause) {
    throw new RangeError(`Cannot find the local day in ${JSON.stringify(timeZone)}: no such time zone`, { cause });
  }
}
