// A small chart for each zone, of what is chosen to be compared. The choice lies in the address.
import { MultiplesCard, type PanelHook, setParams, useAddress } from "../../../http/dashboard/page/mod.ts";
import type { RidesPanels, ZoneMeasure } from "../answers.ts";
import { zonePath } from "./numbers.tsx";

const MEASURES: readonly { readonly measure: ZoneMeasure; readonly note: string; readonly unit: string }[] = [
  { measure: "requests", note: "requests in the 15 minutes before", unit: "requests" },
  { measure: "fare", note: "mean fare in the 15 minutes before", unit: "" },
];

const measureOf = (name: string | null) => MEASURES.find(({ measure }) => measure === name) ?? MEASURES[0]!;

export interface ComparedZonesProps {
  readonly usePanel: PanelHook<RidesPanels>;
  /** Range, and what is chosen. */
  readonly params: URLSearchParams;
}

export function ComparedZones({ usePanel, params }: ComparedZonesProps) {
  const { params: address } = useAddress();
  const wanted = measureOf(address.get("measure"));
  const asked = usePanel("by-zone", new URLSearchParams([...params, ["measure", wanted.measure]]));
  // Until the answer is there, that to the question before is shown.
  const { note, unit } = asked.answer ? measureOf(asked.answer.data.measure) : wanted;
  return (
    <MultiplesCard
      title="Zone by zone"
      note={`${note}; a chart leads to its zone`}
      unit={unit}
      things="zones"
      asked={asked}
      pathOf={zonePath}
      tools={
        <select
          aria-label="Compare zones by"
          value={wanted.measure}
          onChange={({ currentTarget: { value } }) =>
            setParams({ measure: value === MEASURES[0]!.measure ? undefined : value })}
        >
          {MEASURES.map(({ measure }) => <option key={measure} value={measure}>{measure}</option>)}
        </select>
      }
    />
  );
}
