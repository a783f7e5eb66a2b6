// Durations, and reading event times from text.

/** Milliseconds in `n` seconds. */
export const seconds = (n: number): number => n * 1000;
/** Milliseconds in `n` minutes. */
export const minutes = (n: number): number => n * 60_000;
/** Milliseconds in `n` hours. */
export const hours = (n: number): number => n * 3_600_000;
/** Milliseconds in `n` days of 24 hours. */
export const days = (n: number): number => n * 86_400_000;

const [UPPER_T, LOWER_T, SPACE, DASH, COLON, POINT, COMMA] = [84, 116, 32, 45, 58, 46, 44];
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Reads an ISO 8601 time, or a number of epoch milliseconds.
 *
 * A time without an offset is UTC (as Python's `datetime.utcnow().isoformat()` writes it). Digits beyond microseconds are
 * cut off. Returns epoch milliseconds, fractional down to the microsecond, or `NaN` for what is no time: dates that do
 * not exist, years before 1970 or after 9999, numbers that can only be seconds.
 */
export function parseTimestamp(value: string | number): number {
  if (typeof value === "number") {
    // What is stored has microseconds: the rest must not put an event into another window than its stored time is in.
    return value >= 1e11 && value < 253_402_300_800_000 ? Math.floor(value * 1000) / 1000 : NaN;
  }
  if (value.startsWith(lastMinute.text)) {
    const second = parseSeconds(value);
    return lastMinute.ms + second.ms - parseZone(value, second.end);
  }
  const date = parseDate(value);
  if (value.length === 10) return date;
  const separator = value.charCodeAt(10);
  if (separator !== UPPER_T && separator !== LOWER_T && separator !== SPACE) return NaN;
  const clock = parseClock(value);
  if (!(clock.ms >= 0 && date + clock.ms >= 0)) return NaN;
  if (value.charCodeAt(16) === COLON) {
    lastMinute = { text: value.slice(0, 17), ms: Math.round(date + clock.ms - parseSeconds(value).ms) };
  }
  return date + clock.ms - parseZone(value, clock.end);
}

// Events come in runs of the same minute: `YYYY-MM-DDTHH:MM:` as it was written, and its epoch milliseconds in UTC.
let lastMinute = { text: "none", ms: NaN };

/** The number that the digits from `start` to `end` write, or `NaN` where one of them is no digit. */
function digits(text: string, start: number, end: number): number {
  let number = 0;
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return NaN;
    number = number * 10 + digit;
  }
  return number;
}

// Events come in runs of the same day.
let lastDate = { text: "", ms: NaN };

/** `YYYY-MM-DD` at the start of the text, as epoch milliseconds of its midnight in UTC. */
function parseDate(text: string): number {
  if (lastDate.text !== "" && text.startsWith(lastDate.text)) return lastDate.ms;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  if (text.charCodeAt(4) !== DASH || text.charCodeAt(7) !== DASH) return NaN;
  if (!(year >= 1970 && month >= 1 && month <= 12 && day >= 1)) return NaN;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (day > DAYS_IN_MONTH[month - 1]! + (leap && month === 2 ? 1 : 0)) return NaN;
  lastDate = { text: text.slice(0, 10), ms: Date.UTC(year, month - 1, day) };
  return lastDate.ms;
}

/** What a clock says, in milliseconds (`NaN` if it is none), and where it ends. */
interface Clock {
  readonly ms: number;
  readonly end: number;
}

const NO_CLOCK: Clock = { ms: NaN, end: 0 };

/** `HH:MM[:SS[.f…]]` from the eleventh character on. */
function parseClock(text: string): Clock {
  const hour = digits(text, 11, 13);
  const minute = digits(text, 14, 16);
  if (text.charCodeAt(13) !== COLON || !(hour <= 23 && minute <= 59)) return NO_CLOCK;
  const ms = hour * 3_600_000 + minute * 60_000;
  if (text.charCodeAt(16) !== COLON) return { ms, end: 16 };
  const second = parseSeconds(text);
  return { ms: ms + second.ms, end: second.end };
}

/** `SS[.f…]` from the seventeenth character on. */
function parseSeconds(text: string): Clock {
  const second = digits(text, 17, 19);
  if (!(second <= 59)) return NO_CLOCK;
  const ms = second * 1000;
  const point = text.charCodeAt(19);
  if (point !== POINT && point !== COMMA) return { ms, end: 19 };
  let end = 20;
  while (text.charCodeAt(end) >= 48 && text.charCodeAt(end) <= 57) end++;
  if (end === 20 || end > 29) return NO_CLOCK;
  const kept = Math.min(end, 26);
  return { ms: ms + digits(text, 20, kept) / 10 ** (kept - 20 - 3), end };
}

/** `Z`, `+HH`, `+HHMM`, `+HH:MM` or nothing from `at` to the end, in milliseconds east of UTC; `NaN` if it is none. */
function parseZone(text: string, at: number): number {
  if (at === text.length) return 0;
  const sign = text[at];
  if (sign === "Z" || sign === "z") return at + 1 === text.length ? 0 : NaN;
  if (sign !== "+" && sign !== "-") return NaN;
  const hour = digits(text, at + 1, at + 3);
  let minute = 0;
  if (text.length === at + 5) minute = digits(text, at + 3, at + 5);
  else if (text.length === at + 6 && text.charCodeAt(at + 3) === COLON) minute = digits(text, at + 4, at + 6);
  else if (text.length !== at + 3) return NaN;
  if (!(hour <= 15 && minute <= 59)) return NaN;
  return (sign === "-" ? -1 : 1) * (hour * 3_600_000 + minute * 60_000);
}
