// A card: a titled part of a page, with what to say while there is nothing to show.
import type { ComponentChildren } from "preact";
import { useContext, useId } from "preact/hooks";
import type { QueryState } from "../asking.ts";
import { agoText, momentOf } from "../format.ts";
import { LookContext, useSecond } from "../look.ts";

export interface CardProps {
  readonly title: string;
  /** One line below the title. */
  readonly note?: ComponentChildren;
  /** Controls at the right of the title. */
  readonly tools?: ComponentChildren;
  /** Two columns of the grid, or all. */
  readonly width?: "wide" | "full";
  readonly asked?: QueryState<unknown>;
  readonly children: ComponentChildren;
}

export function Card({ title, note, tools, width, asked, children }: CardProps) {
  const id = useId();
  return (
    <section class={`card ${width ?? ""}`} aria-labelledby={id} aria-busy={asked?.outdated ?? false}>
      <header class="card-head">
        <h2 id={id}>{title}</h2>
        {tools && <div class="tools">{tools}</div>}
      </header>
      {note && <p class="note">{note}</p>}
      {asked?.error && <p class="problem" role="alert">{asked.error}</p>}
      <div class={asked?.outdated && asked.answer ? "outdated" : ""}>{children}</div>
      {asked?.answer && <AskedAt at={asked.answer.asked_at} tookMs={asked.answer.took_ms} />}
    </section>
  );
}

/** How old an answer is. */
function AskedAt({ at, tookMs }: { readonly at: string; readonly tookMs: number }) {
  const { serverNow } = useContext(LookContext);
  const ageMs = useSecond() + serverNow - momentOf(at);
  return <p class="asked">asked {agoText(ageMs)}, answered in {Math.round(tookMs)}&nbsp;ms</p>;
}

/** What to show instead of nothing: what is missing, and what to do about it. */
export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

/** The place of an answer that is on its way. */
export function Waiting({ height = 120 }: { readonly height?: 120 | 260 }) {
  return (
    <div class={`waiting waiting-${height}`}>
      <span>Asking the warehouse…</span>
    </div>
  );
}
