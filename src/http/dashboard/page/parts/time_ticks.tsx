// A scale of time below what is drawn over a stretch of it without an axis of its own, such as strips.
import { useContext, useMemo } from "preact/hooks";
import type { Span } from "../../../../panels/answers.ts";
import { LookContext } from "../look.ts";
import { ticksOf } from "../ticks.ts";

export interface TimeTicksProps extends Span {
  /** At most so many steps; on a phone they are twice as long. */
  readonly most?: number;
}

/** As wide as what it belongs to. */
export function TimeTicks({ from, to, most = 10 }: TimeTicksProps) {
  const { zone } = useContext(LookContext);
  const ticks = useMemo(() => ticksOf({ from, to }, { zone, most }), [from, to, zone, most]);
  return (
    <span class="ticks">
      {ticks.map(({ at, text, isMajor }) => (
        <span
          key={at}
          class={isMajor ? "" : "minor-tick"}
          style={{ left: `${100 * (at - from) / Math.max(1, to - from)}%` }}
        >
          {text}
        </span>
      ))}
    </span>
  );
}
