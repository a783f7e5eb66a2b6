// Where the trains are: on the lines they run on, coloured by how full they are or what they draw, with where they have been.
import { useMemo, useState } from "preact/hooks";
import {
  Card,
  Empty,
  Map,
  type MapOutline,
  type MapPoint,
  numberText,
  type Place,
  powerText,
  type QueryState,
  type Severity,
  useSeverityOf,
  Waiting,
} from "../../../http/dashboard/page/mod.ts";
import type { TrainKpis, TrainTrails } from "../answers.ts";
import { NETWORK } from "./network.ts";
import { trainPath } from "./status.tsx";

const OUTLINES: readonly MapOutline[] = NETWORK.map(({ name, stations }) => ({
  name,
  places: stations.map(([, lat, lon]): Place => [lat, lon]),
}));

export interface TrainMapProps {
  readonly asked: QueryState<TrainTrails>;
  readonly thresholds: TrainKpis["thresholds"] | undefined;
}

export function MapCard({ asked, thresholds }: TrainMapProps) {
  const [by, setBy] = useState<"crowding" | "power">("crowding");
  const data = asked.answer?.data;
  const severity = useSeverityOf()(by === "crowding" ? "OVERCROWDING" : "HIGH_POWER_DRAW");
  const points = useMemo(
    () => data?.trains.map((train) => pointOf(train, { by, thresholds, severity })) ?? [],
    [data, by, thresholds?.power_kw, severity],
  );
  return (
    <Card
      title="Map"
      note={data &&
        `where trains are, and were in the ${data.minutes} minutes before; the stronger the colour, the ${
          by === "crowding" ? "fuller" : "more power"
        }`}
      tools={
        <select
          aria-label="Colour trains by"
          value={by}
          onChange={(event) => setBy(event.currentTarget.value === "power" ? "power" : "crowding")}
        >
          <option value="crowding">crowding</option>
          <option value="power">power</option>
        </select>
      }
      asked={asked}
      width="wide"
    >
      {!data
        ? <Waiting height={260} />
        : points.length === 0
        ? <Empty>No train has said where it is.</Empty>
        : <Map label={`Map of ${points.length} trains`} points={points} outlines={OUTLINES} />}
    </Card>
  );
}

interface PointOptions extends Pick<TrainMapProps, "thresholds"> {
  readonly by: "crowding" | "power";
  /** Of an alert for too much of it. */
  readonly severity: Severity;
}

function pointOf(train: TrainTrails["trains"][number], { by, thresholds, severity }: PointOptions): MapPoint {
  const { id, line, passengers, capacity, power_kw, is_overcrowded, is_high_power_draw, trail } = train;
  const full = passengers / Math.max(1, capacity ?? thresholds?.passengers ?? passengers);
  return {
    id,
    at: trail.at(-1)!,
    share: by === "crowding" ? full : Math.max(0, power_kw) / Math.max(1, thresholds?.power_kw ?? 1),
    ring: (by === "crowding" ? is_overcrowded : is_high_power_draw) ? severity : undefined,
    text: `${id.slice(0, 60)}${line === null ? "" : `, ${line.slice(0, 60)}`}: ${
      numberText(passengers, "passengers")
    }, ${powerText(power_kw)}`,
    to: trainPath(id),
    trail,
  };
}
