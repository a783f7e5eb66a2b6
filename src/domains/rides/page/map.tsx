// Where rides are asked for: zones by how many requests they have now, and where there is a surge.
import { useMemo } from "preact/hooks";
import {
  Card,
  countText,
  Empty,
  Map,
  type QueryState,
  type Rows,
  useSeverityOf,
  Waiting,
} from "../../../http/dashboard/page/mod.ts";
import type { ZonePlaces } from "../answers.ts";
import { zonePath } from "./numbers.tsx";

interface ZoneMapProps {
  readonly asked: QueryState<ZonePlaces>;
  /** The zones now: name, requests, requests before, fare, surge. */
  readonly zones: QueryState<Rows>;
}

export function ZoneMap({ asked, zones }: ZoneMapProps) {
  const severity = useSeverityOf()("SURGE");
  const places = asked.answer?.data;
  const rows = zones.answer?.data.rows;
  const points = useMemo(() => {
    const byZone = new globalThis.Map(
      (rows ?? []).map(([zone, requests, , , surge]) => [zone, { requests: Number(requests), surge }]),
    );
    const most = Math.max(1, ...[...byZone.values()].map(({ requests }) => requests));
    return (places ?? []).map(({ zone, at }) => {
      const { requests = 0, surge = null } = byZone.get(zone) ?? {};
      return {
        id: zone,
        at,
        share: requests / most,
        ring: surge === null ? undefined : severity,
        size: 1 + 2 * Math.sqrt(requests / most),
        label: zone.slice(0, 24),
        text: `${zone.slice(0, 60)}: ${countText(requests, "requests")} in 15 minutes${
          surge === null ? "" : ", surge"
        }`,
        to: zonePath(zone),
      };
    });
  }, [places, rows, severity]);
  return (
    <Card
      title="Map"
      note="requests of the newest 15 minutes: the larger, the more; with a ring where there is a surge"
      asked={asked}
      width="wide"
    >
      {!places
        ? <Waiting height={260} />
        : points.length === 0
        ? <Empty>No request of the newest 15 minutes says where it was.</Empty>
        : <Map label={`Map of ${countText(points.length, "zones")}`} points={points} />}
    </Card>
  );
}
