// What can be done with a card: full screen, numbers instead of charts, files of what it shows.
import type { RefObject } from "preact";
import { useRef, useState } from "preact/hooks";
import type { ChartInCard } from "./card_context.ts";
import { csvOf, fileName, pngOf, save, svgOf } from "./chart_files.ts";

export interface CardMenuProps {
  readonly title: string;
  readonly card: RefObject<HTMLElement | null>;
  readonly charts: readonly ChartInCard[];
  readonly asNumbers: boolean;
  readonly onNumbers: (asNumbers: boolean) => void;
}

export function CardMenu({ title, card, charts, asNumbers, onNumbers }: CardMenuProps) {
  const menu = useRef<HTMLDetailsElement>(null);
  const [problem, setProblem] = useState<string>();
  const run = (action: () => unknown) => async () => {
    menu.current!.open = false;
    try {
      await action();
      setProblem(undefined);
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  const each = (write: (chart: ChartInCard, name: string) => unknown) =>
    run(() => Promise.all(charts.map((chart) => write(chart, chart.name ?? title))));
  const isFull = () => document.fullscreenElement === card.current;
  return (
    <>
      {problem && <span class="problem" role="alert">{problem}</span>}
      <details
        class="menu"
        ref={menu}
        onKeyDown={(event) => {
          if (event.key !== "Escape" || !menu.current!.open) return;
          event.stopPropagation();
          menu.current!.open = false;
          menu.current!.querySelector("summary")?.focus();
        }}
        onFocusOut={({ relatedTarget }) => {
          if (relatedTarget instanceof Node && !menu.current!.contains(relatedTarget)) menu.current!.open = false;
        }}
      >
        <summary aria-label={`${title}: what can be done`} title="Full screen, numbers, files">⋯</summary>
        <div class="menu-items">
          <button
            type="button"
            onClick={run(() => isFull() ? document.exitFullscreen() : card.current!.requestFullscreen())}
          >
            Full screen
          </button>
          {charts.length > 0 && (
            <button
              type="button"
              aria-pressed={asNumbers}
              onClick={run(() => onNumbers(!asNumbers))}
            >
              Numbers
            </button>
          )}
          {charts.length > 0 && !asNumbers && (
            <>
              <button
                type="button"
                onClick={each(async (chart, name) => save(await pngOf(chart, name), fileName(name, "png")))}
              >
                Picture (PNG)
              </button>
              <button
                type="button"
                onClick={each((chart, name) =>
                  save(new Blob([svgOf(chart, name)], { type: "image/svg+xml" }), fileName(name, "svg"))
                )}
              >
                Picture (SVG)
              </button>
            </>
          )}
          {charts.length > 0 && (
            <button
              type="button"
              onClick={each(({ drawn, series }, name) =>
                save(new Blob([csvOf({ ...drawn, series })], { type: "text/csv" }), fileName(name, "csv"))
              )}
            >
              Data (CSV)
            </button>
          )}
        </div>
      </details>
    </>
  );
}
