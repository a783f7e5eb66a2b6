// What tables of stock have in common.
import { numberText, type RowColumn } from "../../../http/dashboard/page/mod.ts";

/** Whether there is enough of something; it is low below so many bottles. Nothing is said until that is known. */
export function stateColumn(low: number | undefined): RowColumn {
  return {
    name: "STATE",
    title: "State",
    kind: "text",
    show: (_value, { QUANTITY: quantity }) =>
      low === undefined
        ? <span class="muted">–</span>
        : Number(quantity) < low
        ? <span class="tag tag-warn">▲ low</span>
        : <span class="tag tag-ok">✓ enough</span>,
  };
}

/** The threshold in words, for a note. */
export function lowText(low: number | undefined): string {
  return low === undefined ? "" : `; low below ${numberText(low, "bottles")}`;
}
