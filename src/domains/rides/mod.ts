// Ride hailing: requests for rides, demand by zone, surges, hourly statistics.

import { z } from "zod";
import sql from "../../../sql/rides.sql" with { type: "text" };
import dynamicTables from "../../../sql/snowflake/06_dynamic_tables_rides.sql" with { type: "text" };
import {
  type ComparedWindow,
  count,
  type Element,
  hours,
  last,
  minutes,
  parseTimestamp,
  seconds,
  sum,
} from "@freshet/stream";
import { domain, type DomainSpec } from "../domain.ts";
import { checks } from "./checks.ts";
import { older } from "./older.ts";
import { panels } from "./panels.ts";

const text = z.string().min(1).max(256);
const latitude = z.number().min(-90).max(90);
const longitude = z.number().min(-180).max(180);

/** What `event_type` says of a request for a ride; an event without one is a request too. */
export const RIDE_REQUESTED = "ride_requested";

/** One event of one ride. Unknown fields stay in the raw content. */
export const RideEvent = z.object({
  timestamp: z.union([z.string(), z.number()]).describe(
    "Event time: ISO 8601 (UTC when it says no offset) or epoch ms",
  ),
  user_id: z.union([text, z.int()]),
  location: z.union([text, z.object({ latitude, longitude })]).describe(
    "Where the ride begins: a name, or coordinates",
  ),
  ride_type: text,
  event_type: text.nullish().describe(
    `"${RIDE_REQUESTED}" (the default) counts as demand; others are kept in the table`,
  ),
  ride_id: z.union([text, z.int()]).nullish(),
  zone: text.nullish().describe("Where demand is counted; by default the location's name, or its cell of about 1 km"),
  pickup_latitude: latitude.nullish(),
  pickup_longitude: longitude.nullish(),
  dropoff_latitude: latitude.nullish(),
  dropoff_longitude: longitude.nullish(),
  passengers: z.int().min(1).nullish(),
  fare_estimate: z.number().min(0).nullish(),
});

export type RideEvent = z.infer<typeof RideEvent>;

const isRequest = (e: RideEvent) => (e.event_type ?? RIDE_REQUESTED) === RIDE_REQUESTED;

/** The zone that a ride begins in: what it says, or else its location's name or coordinates to a hundredth of a degree. */
export function zoneOf({ zone, location }: RideEvent): string {
  if (typeof zone === "string") return zone;
  if (typeof location === "string") return location;
  return `${location.latitude.toFixed(2)},${location.longitude.toFixed(2)}`;
}

const placeOf = ({ location }: RideEvent) =>
  typeof location === "string" ? location : `${location.latitude},${location.longitude}`;

const asText = (id: string | number | null | undefined) => id === null || id === undefined ? null : String(id);

/** Mean radius of the Earth (IUGG), km. */
const EARTH_RADIUS_KM = 6371.0088;

const radians = (degrees: number) => degrees * Math.PI / 180;

/** Great-circle distance from pickup to drop-off in km, by the haversine formula; `null` where coordinates are missing. */
export function distanceKm(e: RideEvent): number | null {
  const { pickup_latitude, pickup_longitude, dropoff_latitude, dropoff_longitude } = e;
  if (typeof pickup_latitude !== "number" || typeof pickup_longitude !== "number") return null;
  if (typeof dropoff_latitude !== "number" || typeof dropoff_longitude !== "number") return null;
  const [lat1, lat2] = [radians(pickup_latitude), radians(dropoff_latitude)];
  const east = radians(dropoff_longitude) - radians(pickup_longitude);
  const chord = Math.sin((lat2 - lat1) / 2) ** 2 + Math.cos(lat1) * Math.cos(lat2) * Math.sin(east / 2) ** 2;
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(chord)));
}

const toColumns = (e: RideEvent, { time, offset }: Element<RideEvent>, partition: number) => ({
  TIMESTAMP: time,
  EVENT_TYPE: e.event_type ?? RIDE_REQUESTED,
  RIDE_ID: asText(e.ride_id),
  USER_ID: asText(e.user_id),
  LOCATION: placeOf(e),
  ZONE: zoneOf(e),
  RIDE_TYPE: e.ride_type,
  PICKUP_LATITUDE: e.pickup_latitude,
  PICKUP_LONGITUDE: e.pickup_longitude,
  DROPOFF_LATITUDE: e.dropoff_latitude,
  DROPOFF_LONGITUDE: e.dropoff_longitude,
  DISTANCE_KM: distanceKm(e),
  PASSENGERS: e.passengers,
  FARE_ESTIMATE: e.fare_estimate,
  KAFKA_PARTITION: partition,
  KAFKA_OFFSET: offset,
});

const demandKey = { ZONE: zoneOf, RIDE_TYPE: (e: RideEvent) => e.ride_type };

const DEMAND_WINDOW_MS = minutes(15);

/** Requests of a zone in a window, and in the time before it. */
type Compared = ComparedWindow<{ readonly n: number }>;

/** Kept per partition; the views merge them and make means of the sums. */
const demand = {
  REQUEST_COUNT: count<RideEvent>(),
  FARE_COUNT: count((e: RideEvent) => typeof e.fare_estimate === "number"),
  SUM_FARE_ESTIMATE: sum((e: RideEvent) => e.fare_estimate, { mergeable: true }),
};

export const rides = domain({
  name: "rides",
  severities: { SURGE: "info" },
  checks,
  panels,
  simulator: () => import("../../../simulators/rides.ts").then(({ rides }) => rides),
  dynamicTables,
  settings: {
    RIDE_SURGE_RATIO: z.coerce.number().gt(1).default(2.5).describe(
      "A zone surges from this many times as many requests in 15 minutes as was usual there",
    ),
    RIDE_SURGE_MIN_REQUESTS: z.coerce.number().int().positive().default(20).describe(
      "Requests in 15 minutes below which no zone surges",
    ),
    RIDE_SURGE_BASELINE_MINUTES: z.coerce.number().int().positive().default(120).describe(
      "Minutes before the 15 minutes that say what is usual in a zone",
    ),
    RIDE_SURGE_GAP_MINUTES: z.coerce.number().int().min(2).default(10).describe(
      "Minutes of event time without a surge after which its alert is cleared",
    ),
  },
  define(settings): DomainSpec<RideEvent> {
    const { RIDE_SURGE_RATIO: surgeRatio, RIDE_SURGE_MIN_REQUESTS: fewest } = settings;
    const trailingMs = minutes(settings.RIDE_SURGE_BASELINE_MINUTES);
    /** Mean requests in a window's length over the time before it; at least 1, so that the first request is no surge. */
    const baseline = ({ before }: Compared) => Math.max(1, before.n * DEMAND_WINDOW_MS / trailingMs);
    const ratio = (compared: Compared) => compared.window.n / baseline(compared);
    return {
      topic: "ride_events",
      group: "freshet-rides",
      schema: RideEvent,
      older: [{ fields: older }],
      // All requests of a zone in one partition: that is what a surge is measured on.
      key: zoneOf,
      eventTime: (e: RideEvent) => parseTimestamp(e.timestamp),
      time: {
        maxOutOfOrdernessMs: seconds(30),
        allowedLatenessMs: hours(2),
        idleAfterMs: seconds(15),
        maxFutureSkewMs: minutes(5),
      },
      raw: {
        table: "RIDE_REQUESTS",
        metadata: "RECORD_METADATA",
        content: "RECORD_CONTENT",
        columns: toColumns,
      },
      tables: (events) => {
        const requests = events.filter(isRequest);
        return [
          requests.keyBy(demandKey).hopping(DEMAND_WINDOW_MS, minutes(1)).aggregate("RIDE_DEMAND_PARTS", demand),
          requests.keyBy({ ZONE: zoneOf }).hopping(DEMAND_WINDOW_MS, minutes(1)).holding({
            contents: { n: count() },
            trailingMs,
            gapMs: minutes(settings.RIDE_SURGE_GAP_MINUTES),
            holds: (compared) => compared.window.n >= fewest && ratio(compared) >= surgeRatio,
          }).episodes("RIDE_SURGE_ALERTS", {
            type: "SURGE",
            value: ratio,
            threshold: surgeRatio,
            also: {
              SURGE_RATIO: last(ratio),
              REQUEST_COUNT: last(({ window }: Compared) => window.n),
              BASELINE_COUNT: last(baseline),
            },
          }),
          requests.keyBy(demandKey).tumbling(hours(1)).aggregate("RIDE_HOURLY_STATS_PARTS", demand),
        ];
      },
      sql,
      ingest: {
        path: "/produce",
        summary: "Publishes a ride event: the caller's own, or a generated one",
        example: {
          user_id: "U00042",
          location: "Market Square",
          ride_type: "standard",
          timestamp: "2026-11-20T09:30:00Z",
        },
        timeField: "timestamp",
        generates: true,
      },
    };
  },
});
