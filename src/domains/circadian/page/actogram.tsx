// An actogram: a row for each day, the day after it at its right, so that nights are whole and a drift is a slope.
import { Fragment } from "preact";
import { Card, Empty, numberText, type QueryState } from "../../../http/dashboard/page/mod.ts";
import type { CircadianUser } from "../answers.ts";

type Day = CircadianUser["days"][number];

const DAY_MS = 86_400_000;
/** Rows: more are no picture any more. */
const MAX_ROWS = 60;
const HOURS = [0, 6, 12, 18, 24, 30, 36, 42] as const;

/** A stretch of sleep, hours from the beginning of its local day; it may begin on the day before. */
interface Sleep {
  readonly from: number;
  readonly to: number;
}

export function ActogramCard({ days, asked }: { readonly days: readonly Day[]; readonly asked: QueryState<unknown> }) {
  const sleeps = new Map(days.flatMap((day) => {
    const sleep = sleepOf(day);
    return sleep ? [[day.date, sleep] as const] : [];
  }));
  const rows = datesOf(days);
  return (
    <Card
      title="Actogram"
      note="a row for each local day, with the next one beside it: a bar is sleep, a slope is a rhythm that drifts"
      asked={asked}
      width="full"
    >
      {sleeps.size === 0 ? <Empty>No night of sleep so far.</Empty> : (
        <div class="actogram">
          {rows.map((date) => <Row key={date} date={date} sleeps={sleeps} />)}
          <span />
          <div class="actogram-hours" aria-hidden="true">
            {HOURS.map((hour) => <span key={hour}>{String(hour % 24).padStart(2, "0")}</span>)}
          </div>
        </div>
      )}
    </Card>
  );
}

function Row({ date, sleeps }: { readonly date: string; readonly sleeps: ReadonlyMap<string, Sleep> }) {
  // A night of the day after the next may begin in what is shown.
  const shown = [0, 1, 2].flatMap((later) => {
    const sleep = sleeps.get(dateAfter(date, later));
    if (sleep === undefined) return [];
    const [from, to] = [Math.max(0, sleep.from + 24 * later), Math.min(48, sleep.to + 24 * later)];
    return from < to ? [{ from, to }] : [];
  });
  const own = sleeps.get(date);
  return (
    <Fragment>
      <time>{date}</time>
      <svg
        viewBox="0 0 48 1"
        preserveAspectRatio="none"
        role="img"
        aria-label={`${date}: ${
          own
            ? `asleep from ${clock(own.from)} to ${clock(own.to)}, ${numberText(own.to - own.from, "h")}`
            : "no sleep known"
        }`}
      >
        {[12, 24, 36].map((hour) => <line key={hour} class="actogram-line" x1={hour} x2={hour} y1={0} y2={1} />)}
        {shown.map(({ from, to }) => (
          <rect
            key={from}
            class="asleep"
            x={from}
            y={0.1}
            width={to - from}
            height={0.8}
          />
        ))}
      </svg>
    </Fragment>
  );
}

function sleepOf({ sleep_hours: hours, sleep_midpoint: middle }: Day): Sleep | undefined {
  return hours === null || middle === null ? undefined : { from: middle - hours / 2, to: middle + hours / 2 };
}

/** Each date from the first to the last, those without a row too; the newest so many. */
function datesOf(days: readonly Day[]): readonly string[] {
  const dates = days.map(({ date }) => date).toSorted();
  const [first, last] = [Date.parse(dates[0] ?? ""), Date.parse(dates.at(-1) ?? "")];
  const count = Math.min(MAX_ROWS, (last - first) / DAY_MS + 1);
  return Array.from({ length: count }, (_, i) => dateText(last - (count - 1 - i) * DAY_MS));
}

function dateAfter(date: string, days: number): string {
  return dateText(Date.parse(date) + days * DAY_MS);
}

function dateText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** An hour as a clock shows it, before or after the day, too. */
export function clock(hour: number): string {
  const minutes = ((Math.round(hour * 60) % 1440) + 1440) % 1440;
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}
