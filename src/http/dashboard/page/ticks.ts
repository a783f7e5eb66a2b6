// Round moments along a stretch of time, for what has no axis of its own.
import type { Span } from "../../../panels/answers.ts";
import { timeText, type Zone } from "./format.ts";

const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000];

/** Distances between ticks, milliseconds. */
const STEPS: readonly number[] = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 28].map((n) => n * DAY),
];

export interface Tick {
  /** Epoch milliseconds. */
  readonly at: number;
  /** `13:00`, or the day at its midnight: `Jan 15`. */
  readonly text: string;
  /** Whether it stays where there is room for half as many: that of a midnight or a full hour does. */
  readonly isMajor: boolean;
}

/** Round by the clock of the zone; at most `most` steps are between the ends. */
export function ticksOf(
  { from, to }: Span,
  { zone, most }: { readonly zone: Zone; readonly most: number },
): readonly Tick[] {
  const step = STEPS.find((step) => (to - from) / step <= most) ?? Math.ceil((to - from) / most / DAY) * DAY;
  const ahead = aheadOf(from, zone);
  const first = Math.ceil((from + ahead) / step) * step;
  const last = to + Math.max(ahead, aheadOf(to, zone));
  const count = Math.max(0, Math.floor((last - first) / step) + 1);
  return Array.from({ length: count }, (_, i) => {
    const local = first + i * step;
    // The clock may be put forward or back between the ends.
    const at = local - aheadOf(local - aheadOf(local - ahead, zone), zone);
    return { at, local, text: tickText(at, zone), isMajor: local / step % 2 === 0 };
  }).filter(({ at, local }) => at >= from && at <= to && at + aheadOf(at, zone) === local);
}

/** How far the zone's clock is ahead of UTC, milliseconds. */
function aheadOf(ms: number, zone: Zone): number {
  return zone === "utc" ? 0 : -new Date(ms).getTimezoneOffset() * MINUTE;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function tickText(ms: number, zone: Zone): string {
  const [date, clock] = timeText(ms, zone).split(" ") as [string, string];
  if (clock === "00:00:00") return `${MONTHS[Number(date.slice(5, 7)) - 1]} ${Number(date.slice(8))}`;
  return clock.endsWith(":00") ? clock.slice(0, 5) : clock;
}
