// Every train as it last reported.
import { useContext, useMemo, useState } from "preact/hooks";
import {
  Card,
  clockText,
  type Column,
  countText,
  DataTable,
  Link,
  LookContext,
  momentOf,
  numberText,
  type QueryState,
  type Rows,
  Text,
  Waiting,
  zoneText,
} from "../../../http/dashboard/page/mod.ts";

/** Path of the page about a train. */
export function trainPath(id: unknown): string {
  return `/trains/${encodeURIComponent(String(id))}`;
}

interface Train {
  readonly id: string;
  readonly line: string | null;
  readonly at: number;
  readonly passengers: number;
  readonly capacity: number | null;
  readonly weight: number;
  readonly kw: number;
  readonly speed: number;
  readonly crowded: boolean;
  readonly hungry: boolean;
}

/** With more rows than this, which all change several times a minute, a browser has much to do. */
const MANY_TRAINS = 200;

const STATUS_COLUMNS = (zone: "utc" | "local", newest: number): readonly Column<Train>[] => [
  {
    key: "id",
    title: "Train",
    show: ({ id }) => (
      <Link to={trainPath(id)}>
        <Text>{id.slice(0, 80)}</Text>
      </Link>
    ),
    by: ({ id }) => id,
  },
  { key: "line", title: "Line", show: ({ line }) => <Text>{line?.slice(0, 60) ?? null}</Text>, by: ({ line }) => line },
  {
    key: "state",
    title: "State",
    show: ({ crowded, hungry }) =>
      crowded || hungry
        ? (
          <span class="states">
            {crowded && <span class="tag tag-bad">▲ overcrowded</span>}
            {hungry && <span class="tag tag-warn">▲ high power</span>}
          </span>
        )
        : <span class="tag tag-ok">✓ normal</span>,
    by: ({ crowded, hungry }) => Number(crowded) * 2 + Number(hungry),
  },
  {
    key: "passengers",
    title: "Passengers",
    numeric: true,
    show: ({ passengers, capacity }) => (
      <span class="bar-cell">
        {numberText(passengers)}
        {capacity !== null && capacity > 0 && (
          <meter
            min={0}
            max={1}
            value={Math.min(1, passengers / capacity)}
            aria-label={`${Math.round(100 * passengers / capacity)} % of ${capacity} places`}
          />
        )}
      </span>
    ),
    by: ({ passengers }) => passengers,
  },
  { key: "kw", title: "Power", unit: "kW", numeric: true, show: ({ kw }) => numberText(kw), by: ({ kw }) => kw },
  {
    key: "speed",
    title: "Speed",
    unit: "km/h",
    numeric: true,
    show: ({ speed }) => numberText(speed),
    by: ({ speed }) => speed,
  },
  {
    key: "weight",
    title: "Weight",
    unit: "t",
    numeric: true,
    show: ({ weight }) => numberText(weight),
    by: ({ weight }) => weight,
  },
  {
    key: "at",
    title: "Reported",
    unit: zoneText(zone),
    numeric: true,
    show: ({ at }) => <time dateTime={new Date(at).toISOString()}>{clockText(at, zone, newest)}</time>,
    by: ({ at }) => at,
  },
];

export function StatusCard({ asked }: { readonly asked: QueryState<Rows> }) {
  const { zone } = useContext(LookContext);
  const [text, setText] = useState("");
  const data = asked.answer?.data;
  const trains = useMemo(() => data?.rows.map(toTrain) ?? [], [data]);
  const newest = Math.max(...trains.map(({ at }) => at));
  const wanted = text.trim().toLowerCase();
  const shown = trains.filter(({ id, line }) => `${id} ${line ?? ""}`.toLowerCase().includes(wanted));
  return (
    <Card
      title="Trains now"
      note={data &&
        `${numberText(shown.length)} of ${countText(trains.length, "trains")}${
          data.truncated ? ", more are not listed: choose a line" : ""
        }`}
      tools={
        <input
          type="search"
          aria-label="Find trains"
          placeholder="Find train or line"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      }
      asked={asked}
      width="full"
    >
      {!data ? <Waiting height={260} /> : (
        <DataTable
          label="Trains now"
          columns={STATUS_COLUMNS(zone, newest)}
          rows={shown}
          keyOf={({ id }) => id}
          sort={{ key: "state", descending: true }}
          empty={trains.length === 0 ? "No train has reported yet." : `No train matches "${text}".`}
          tall
          first={MANY_TRAINS}
        />
      )}
    </Card>
  );
}

function toTrain(
  [id, line, at, passengers, capacity, weight, kw, speed, , , crowded, hungry]: readonly unknown[],
): Train {
  return {
    id: String(id),
    line: line === null ? null : String(line),
    at: momentOf(String(at)),
    passengers: Number(passengers),
    capacity: capacity === null ? null : Number(capacity),
    weight: Number(weight),
    kw: Number(kw),
    speed: Number(speed),
    crowded: crowded === true,
    hungry: hungry === true,
  };
}
