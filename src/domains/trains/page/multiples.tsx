// A small chart for each train, of what is chosen to be compared. The choice lies in the address.
import { MultiplesCard, type PanelHook, setParams, useAddress } from "../../../http/dashboard/page/mod.ts";
import type { TrainKpis, TrainMeasure, TrainsPanels } from "../answers.ts";
import { trainPath } from "./status.tsx";

const MEASURES: readonly { readonly measure: TrainMeasure; readonly title: string; readonly unit: string }[] = [
  { measure: "passengers", title: "passengers", unit: "passengers" },
  { measure: "speed", title: "speed", unit: "km/h" },
  { measure: "power", title: "power", unit: "kW" },
];

const measureOf = (name: string | null) => MEASURES.find(({ measure }) => measure === name) ?? MEASURES[0]!;

export interface ComparedTrainsProps {
  readonly usePanel: PanelHook<TrainsPanels>;
  /** Range, and what is chosen. */
  readonly params: URLSearchParams;
  readonly thresholds: TrainKpis["thresholds"] | undefined;
}

export function ComparedTrains({ usePanel, params, thresholds }: ComparedTrainsProps) {
  const { params: address } = useAddress();
  const wanted = measureOf(address.get("measure"));
  const asked = usePanel("by-train", new URLSearchParams([...params, ["measure", wanted.measure]]));
  // Until the answer is there, that to the question before is shown.
  const { measure, title, unit } = asked.answer ? measureOf(asked.answer.data.measure) : wanted;
  const threshold = { passengers: thresholds?.passengers, power: thresholds?.power_kw, speed: undefined }[measure];
  return (
    <MultiplesCard
      title="Train by train"
      note={`mean ${title}; a chart leads to its train`}
      unit={unit}
      things="trains"
      asked={asked}
      pathOf={trainPath}
      threshold={threshold}
      tools={
        <select
          aria-label="Compare trains by"
          value={wanted.measure}
          onChange={({ currentTarget: { value } }) =>
            setParams({ measure: value === MEASURES[0]!.measure ? undefined : value })}
        >
          {MEASURES.map(({ measure, title }) => <option key={measure} value={measure}>{title}</option>)}
        </select>
      }
    />
  );
}
