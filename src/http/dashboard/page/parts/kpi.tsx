// A number that matters, its unit, and how it has changed.
import type { ComponentChildren } from "preact";

export interface KpiProps {
  readonly label: string;
  readonly value: string;
  readonly unit?: string;
  readonly detail?: ComponentChildren;
  readonly change?: { readonly text: string; readonly direction: -1 | 0 | 1; readonly against: string };
  readonly tone?: "plain" | "bad" | "ok";
}

const ARROWS = { [-1]: "▼", 0: "■", 1: "▲" } as const;
const SPOKEN = { [-1]: "down", 0: "unchanged", 1: "up" } as const;

export function Kpi({ label, value, unit, detail, change, tone = "plain" }: KpiProps) {
  return (
    <div class={`kpi kpi-${tone}`}>
      <dt>{label}</dt>
      <dd>
        <span class="kpi-value">{value}{unit && <small>&nbsp;{unit}</small>}</span>
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
