// The row of filters at the head of a page: the time range, the page's own, and a button that takes its choices away.
import type { ComponentChildren } from "preact";
import { setParams, useAddress } from "../address.ts";
import { COMPARISONS } from "../compare.ts";
import { AnnotateButton } from "./annotations.tsx";
import { RangeFilter } from "./range_filter.tsx";

export interface FiltersProps {
  /** What the button says that takes the choices away, and which parameters of the address those are. */
  readonly all?: { readonly title: string; readonly names: readonly string[] };
  /** Whether there is something to compare with the day or the week before. */
  readonly canCompare?: boolean;
  readonly children?: ComponentChildren;
}

export function Filters({ all, canCompare, children }: FiltersProps) {
  const { params } = useAddress();
  return (
    <div class="filters" role="group" aria-label="Filters">
      <RangeFilter />
      {canCompare && (
        <label class="field">
          <span>Compare with</span>
          <select
            value={params.get("compare") ?? ""}
            onChange={(event) => setParams({ compare: event.currentTarget.value })}
          >
            <option value="">nothing</option>
            {COMPARISONS.map(({ value, name }) => <option key={value} value={value}>{name}</option>)}
          </select>
        </label>
      )}
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
      <AnnotateButton />
    </div>
  );
}
