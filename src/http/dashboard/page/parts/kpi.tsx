// A number that matters, its unit, and how it has changed.
import type { ComponentChildren } from "preact";
import { useContext } from "preact/hooks";
import type { Compared } from "../../../../panels/answers.ts";
import type { QueryState } from "../asking.ts";
import { changeOf, numberText, percentText, type Zone } from "../format.ts";
import { LookContext } from "../look.ts";
import { Empty, NotYet } from "./card.tsx";
import { type Line, Sparkline } from "./sparkline.tsx";

export interface KpiProps {
  readonly label: string;
  readonly value: ComponentChildren;
  readonly unit?: string;
  readonly detail?: ComponentChildren;
  readonly change?: { readonly text: string; readonly direction: -1 | 0 | 1; readonly against: string };
  readonly tone?: "plain" | "ok" | "info" | "warn" | "bad";
  /** How it came to be. */
  readonly trend?: Line;
}

const ARROWS = { [-1]: "▼", 0: "■", 1: "▲" } as const;
const SPOKEN = { [-1]: "down", 0: "unchanged", 1: "up" } as const;

export function Kpi({ label, value, unit, detail, change, trend, tone = "plain" }: KpiProps) {
  return (
    <div class={`kpi kpi-${tone}`}>
      <dt>{label}</dt>
      <dd>
        <span class="kpi-line">
          <span class="kpi-value">{value}{unit && <small>&nbsp;{unit}</small>}</span>
          {trend && <Sparkline {...trend} label={label} />}
        </span>
        {change && (
          <span class="kpi-change">
            <span aria-hidden="true">{ARROWS[change.direction]}</span>
            <span class="visually-hidden">{SPOKEN[change.direction]}</span> {change.text}{" "}
            <span class="muted">{change.against}</span>
          </span>
        )}
        {detail && <span class="kpi-detail muted">{detail}</span>}
      </dd>
    </div>
  );
}

export function Kpis({ label, children }: { readonly label: string; readonly children: ComponentChildren }) {
  return <dl class="kpis" aria-label={label}>{children}</dl>;
}

export interface KpiRowProps<T> {
  readonly asked: QueryState<T>;
  /** The numbers of an answer, `undefined` before the first record. */
  readonly show: (answer: T, zone: Zone) => ComponentChildren;
  /** What to say then. */
  readonly empty: string;
}

/** The numbers at the head of a page, or why there are none. */
export function KpiRow<T>({ asked, show, empty }: KpiRowProps<T>) {
  const { zone } = useContext(LookContext);
  if (!asked.answer) return <NotYet asked={asked} height={120} />;
  return show(asked.answer.data, zone) ?? <Empty>{empty}</Empty>;
}

type Change = KpiProps["change"];

/** What is told as 0 % is no change. */
const NO_CHANGE = 0.0005;

const directionOf = (value: number): -1 | 0 | 1 => value > 0 ? 1 : value < 0 ? -1 : 0;

/** How many more or fewer; `undefined` where one of the two is not known. */
export function difference({ now, before }: Compared, against: string): Change {
  if (now === null || before === null) return undefined;
  const more = now - before;
  return { text: more === 0 ? "no change" : numberText(Math.abs(more)), direction: directionOf(more), against };
}

/** The change as a share of what was before; `undefined` where that is nothing. */
export function share({ now, before }: Compared, against: string): Change {
  const change = now === null || before === null ? null : changeOf(now, before);
  if (change === null) return undefined;
  return Math.abs(change) < NO_CHANGE
    ? { text: "no change", direction: 0, against }
    : { text: percentText(change), direction: directionOf(change), against };
}
