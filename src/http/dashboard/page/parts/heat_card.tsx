// Days by hours: how much of something there was when, so that what is usual at that hour is seen at a glance.
import { useContext, useMemo } from "preact/hooks";
import type { Heat } from "../../../../panels/answers.ts";
import type { QueryState } from "../asking.ts";
import { numberText, timeText, type Zone, zoneText } from "../format.ts";
import { showSpan } from "../hand.ts";
import { LookContext, shadeOf } from "../look.ts";
import { AnnotationsContext, type ChartNote, noteText } from "./annotations.tsx";
import { Card, Empty, Waiting } from "./card.tsx";

export interface HeatCardProps {
  readonly title: string;
  readonly unit: string;
  readonly asked: QueryState<Heat>;
  readonly width?: "wide" | "full";
}

const HOUR_MS = 3_600_000;
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);
/** Hours that are named above the cells. */
const NAMED = 3;

export function HeatCard({ title, unit, asked, width = "wide" }: HeatCardProps) {
  const { zone } = useContext(LookContext);
  const notes = useContext(AnnotationsContext);
  const heat = asked.answer?.data;
  const days = useMemo(() => daysOf(heat ?? [], zone), [heat, zone]);
  const most = Math.max(1, ...heat?.map(({ value }) => value) ?? []);
  return (
    <Card
      title={title}
      note={`${unit} in each hour of the last days, ${
        zoneText(zone)
      }; the stronger the colour, the more. A day leads to it`}
      asked={asked}
      width={width}
    >
      {!heat
        ? <Waiting height={260} />
        : days.length === 0
        ? <Empty>No hour is counted yet.</Empty>
        : (
          <table class="heat" aria-label={title}>
            <thead>
              <tr>
                <th scope="col">
                  <span class="visually-hidden">Day</span>
                </th>
                {HOURS.map((hour) => (
                  <th key={hour} scope="col" class="numeric">
                    {hour % NAMED === 0 ? hour : <span class="visually-hidden">{hour}</span>}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {days.map(([day, hours]) => (
                <tr key={day}>
                  <th scope="row">
                    <button type="button" class="link" onClick={() => showDay(hours)}>{dayName(day)}</button>
                  </th>
                  {HOURS.map((hour) => (
                    <HeatCell key={hour} cell={hours.get(hour)} {...{ day, hour, most, unit, notes }} />
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        )}
    </Card>
  );
}

interface HeatCellProps {
  readonly cell: Heat[number] | undefined;
  readonly day: string;
  readonly hour: number;
  readonly most: number;
  readonly unit: string;
  readonly notes: readonly ChartNote[];
}

function HeatCell({ cell, day, hour, most, unit, notes }: HeatCellProps) {
  if (cell === undefined) return <td />;
  const value = numberText(Math.round(cell.value), unit);
  const noted = notes.filter(({ from, to = from }) => from < cell.at + HOUR_MS && to >= cell.at).map(noteText);
  return (
    <td
      class={shadeOf(cell.value / most)}
      title={[`${dayName(day)} ${String(hour).padStart(2, "0")}:00: ${value}`, ...noted].join("\n")}
    >
      <span class="visually-hidden">{[value, ...noted].join(", ")}</span>
      {noted.length > 0 && <span class="heat-note" aria-hidden="true">⚑</span>}
    </td>
  );
}

/** A day in all charts. */
function showDay(hours: ReadonlyMap<number, Heat[number]>): void {
  const starts = [...hours.values()].map(({ at }) => at);
  showSpan(Math.min(...starts), Math.max(...starts) + HOUR_MS);
}

/** By local day, the newest first, and hour. */
function daysOf(heat: Heat, zone: Zone): readonly (readonly [day: string, hours: ReadonlyMap<number, Heat[number]>])[] {
  const days = new Map<string, Map<number, Heat[number]>>();
  for (const cell of heat) {
    const text = timeText(cell.at, zone);
    const day = days.get(text.slice(0, 10)) ?? new Map<number, Heat[number]>();
    day.set(Number(text.slice(11, 13)), cell);
    days.set(text.slice(0, 10), day);
  }
  return [...days].toReversed();
}

/** Such as `Sun 29 Nov`. */
function dayName(day: string): string {
  const date = new Date(`${day}T00:00:00Z`);
  return date.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
}
