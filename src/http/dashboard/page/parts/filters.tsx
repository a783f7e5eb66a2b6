// The row of filters at the head of a page: the time range, the page's own, and a button that takes its choices away.
import type { ComponentChildren } from "preact";
import { setParams, useAddress } from "../address.ts";
import { RangeFilter } from "./range_filter.tsx";

export interface FiltersProps {
  /** What the button says that takes the choices away, and which parameters of the address those are. */
  readonly all?: { readonly title: string; readonly names: readonly string[] };
  readonly children?: ComponentChildren;
}

export function Filters({ all, children }: FiltersProps) {
  const { params } = useAddress();
  return (
    <div class="filters" role="group" aria-label="Filters">
      <RangeFilter />
      {children}
      {all?.names.some((name) => params.has(name)) && (
        <button
          type="button"
          class="quiet"
          onClick={() => setParams(Object.fromEntries(all.names.map((name) => [name, []])))}
        >
          {all.title}
        </button>
      )}
    </div>
  );
}
