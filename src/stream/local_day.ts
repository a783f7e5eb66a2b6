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
const UTC_DAY_MS = 86_400_000;

/** Finds the local day of an instant. Remembers the days it has found, up to a limit. */
export class LocalCalendar {
  /** By zone, then by UTC day: the local days of which some instant was asked for, hardly ever more than two. */
  readonly #zones = new Map<string, Map<number, LocalDay[]>>();
  #cached = 0;

  /** The local day that `timeMs` falls into. Throws `RangeError` for an unknown zone. */
  dayOf(timeMs: number, timeZone: string): LocalDay {
    const utcDay = Math.floor(timeMs / UTC_DAY_MS);
    const known = this.#zones.get(timeZone)?.get(utcDay);
    if (known) {
      for (let i = 0; i < known.length; i++) if (timeMs >= known[i]!.start && timeMs < known[i]!.end) return known[i]!;
    }
    const day = findDay(timeMs, timeZone);
    this.#keep(day, timeZone, utcDay);
    return day;
  }

  #keep(day: LocalDay, timeZone: string, utcDay: number): void {
    if (++this.#cached > CACHED_DAYS) {
      this.#zones.clear();
      this.#cached = 1;
    }
    let zone = this.#zones.get(timeZone);
    if (!zone) this.#zones.set(timeZone, zone = new Map());
    const days = zone.get(utcDay);
    if (days) days.push(day);
    else zone.set(utcDay, [day]);
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
