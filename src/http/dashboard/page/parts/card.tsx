// A card: a titled part of a page, with what can be done with it, and what to say while there is nothing to show.
import type { ComponentChildren } from "preact";
import { useCallback, useId, useMemo, useRef, useState } from "preact/hooks";
import type { QueryState } from "../asking.ts";
import { useScrolledTo } from "../scrolled_to.ts";
import { CardContext, type ChartInCard } from "./card_context.ts";
import { CardMenu } from "./card_menu.tsx";

export interface CardProps {
  readonly title: string;
  /** One line below the title. */
  readonly note?: ComponentChildren;
  /** Controls at the right of the title. */
  readonly tools?: ComponentChildren;
  /** Twice as wide as others, or all of the width. */
  readonly width?: "wide" | "full";
  readonly asked?: QueryState<unknown>;
  /** Whether the address is about this card: a page that is opened is scrolled to it. */
  readonly isSought?: boolean;
  readonly children: ComponentChildren;
}

export function Card({ title, note, tools, width, asked, isSought = false, children }: CardProps) {
  const id = useId();
  const card = useRef<HTMLElement>(null);
  const [charts, setCharts] = useState<readonly ChartInCard[]>([]);
  const [asNumbers, setAsNumbers] = useState(false);
  useScrolledTo(card, isSought);
  const join = useCallback((chart: ChartInCard) => {
    setCharts((before) => [...before.filter(({ name }) => name !== chart.name), chart]);
    return () => setCharts((before) => before.filter((other) => other !== chart));
  }, []);
  const context = useMemo(() => ({ asNumbers, join }), [asNumbers, join]);
  // What is said of an answer has its place before it is there: nothing moves when it comes.
  const isWaiting = asked !== undefined && asked.answer === undefined;
  const isLate = asked?.outdated && asked.answer !== undefined;
  return (
    <section ref={card} class={`card ${width ?? ""}`} aria-labelledby={id} aria-busy={asked?.outdated ?? false}>
      <header class="card-head">
        <h2 id={id}>{title}</h2>
        <div class="tools">
          {tools}
          <CardMenu title={title} card={card} charts={charts} asNumbers={asNumbers} onNumbers={setAsNumbers} />
        </div>
      </header>
      {(note || isWaiting) && <p class="note">{note || "\u00a0"}</p>}
      {asked?.error && <p class="problem" role="alert">{asked.error}</p>}
      <CardContext.Provider value={context}>
        <div class={`card-body ${isLate ? "outdated" : ""}`}>{children}</div>
      </CardContext.Provider>
    </section>
  );
}

/** What to show instead of nothing: what is missing, and what to do about it. */
export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

/** The place of an answer that is on its way. */
export function Waiting({ height = 120 }: { readonly height?: 120 | 260 | 600 | "page" }) {
  return (
    <div class={`waiting waiting-${height}`} role="status">
      <span>Loading…</span>
    </div>
  );
}

/** What stands for an answer until the first one is there: that it is on its way, or why it does not come. */
export function NotYet({ asked: { error }, height = 260 }: NotYetProps) {
  return error ? <p class="problem" role="alert">{error}</p> : <Waiting height={height} />;
}

interface NotYetProps {
  readonly asked: QueryState<unknown>;
  readonly height?: 120 | 260;
}
