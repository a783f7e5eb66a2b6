// Automatic train supervision: telemetry of each train, its state now, alerts, hourly statistics.

import { z } from "zod";
import sql from "../../../sql/trains.sql" with { type: "text" };
import dynamicTables from "../../../sql/snowflake/06_dynamic_tables_trains.sql" with { type: "text" };
import { count, type Element, hours, last, max, minutes, parseTimestamp, seconds, sum } from "@freshet/stream";
import { domain, type DomainSpec } from "../domain.ts";
import { checks } from "./checks.ts";
import { older } from "./older.ts";
import { panels } from "./panels.ts";

const text = z.string().min(1).max(256);
const flag = z.boolean().nullish();

/** One report of one train. Unknown fields stay in the raw table. */
export const TrainTelemetry = z.object({
  timestamp: z.union([z.string(), z.number()]).describe(
    "Event time: ISO 8601 (UTC when it says no offset) or epoch ms",
  ),
  train_id: text,
  line: text.nullish(),
  passenger_count: z.int().min(0),
  capacity: z.int().min(1).nullish(),
  total_weight_tons: z.number().min(0).describe("Tare and passengers, metric tons"),
  power_draw_kw: z.number().describe("Electric power taken from the line, kW; negative while braking feeds back"),
  speed_kmh: z.number().min(0),
  latitude: z.number().min(-90).max(90),
  longitude: z.number().min(-180).max(180),
  is_overcrowded: flag,
  is_high_power_draw: flag,
  next_stop: z.string().max(256).nullish(),
});

export type TrainTelemetry = z.infer<typeof TrainTelemetry>;

const trainKey = { TRAIN_ID: (event: TrainTelemetry) => event.train_id };

export const trains = domain({
  name: "trains",
  severities: { OVERCROWDING: "critical", HIGH_POWER_DRAW: "warning" },
  checks,
  panels,
  simulator: () => import("../../../simulators/trains.ts").then(({ trains }) => trains),
  dynamicTables,
  settings: {
    ATS_INTERVAL_SECONDS: z.coerce.number().positive().default(30).describe(
      "Seconds between two reports of a simulated train.",
    ),
    ATS_OVERCROWDING_PASSENGERS: z.coerce.number().positive().default(1100).describe(
      "Passengers from which a train counts as overcrowded even if its telemetry does not say so",
    ),
    ATS_HIGH_POWER_KW: z.coerce.number().positive().default(2600).describe(
      "Power draw in kW from which a train counts as drawing high power even if its telemetry does not say so",
    ),
    ATS_THRESHOLDS: z.enum(["large", "small"]).default("large").describe(
      "Which trains the two thresholds are for: large ones, or small ones (764 passengers, 180 kW), for which they are 600 " +
        "passengers and 150 kW where they are not set",
    ),
    ATS_ALERT_GAP_SECONDS: z.coerce.number().positive().default(120).describe(
      "Event time in seconds without a flagged event after which an alert is cleared",
    ),
  },
  presets: { ATS_THRESHOLDS: { small: { ATS_OVERCROWDING_PASSENGERS: "600", ATS_HIGH_POWER_KW: "150" } } },
  define(settings): DomainSpec<TrainTelemetry> {
    const { ATS_OVERCROWDING_PASSENGERS: crowd, ATS_HIGH_POWER_KW: highKw, ATS_ALERT_GAP_SECONDS: gap } = settings;
    const isOvercrowded = (e: TrainTelemetry) => e.is_overcrowded === true || e.passenger_count >= crowd;
    const isHighPower = (e: TrainTelemetry) => e.is_high_power_draw === true || e.power_draw_kw >= highKw;
    const lineOf = { LINE: last((e: TrainTelemetry) => e.line ?? null) };

    const toTyped = (e: TrainTelemetry, { time, offset }: Element<TrainTelemetry>, partition: number) => ({
      TIMESTAMP: time,
      TRAIN_ID: e.train_id,
      LINE: e.line,
      PASSENGER_COUNT: e.passenger_count,
      CAPACITY: e.capacity,
      TOTAL_WEIGHT_TONS: e.total_weight_tons,
      POWER_DRAW_KW: e.power_draw_kw,
      SPEED_KMH: e.speed_kmh,
      LATITUDE: e.latitude,
      LONGITUDE: e.longitude,
      IS_OVERCROWDED: isOvercrowded(e),
      IS_HIGH_POWER_DRAW: isHighPower(e),
      KAFKA_PARTITION: partition,
      KAFKA_OFFSET: offset,
    });

    return {
      topic: "ats_telemetry",
      group: "freshet-trains",
      schema: TrainTelemetry,
      older: [{ mark: "alerts", fields: older }],
      key: (e: TrainTelemetry) => e.train_id,
      eventTime: (e: TrainTelemetry) => parseTimestamp(e.timestamp),
      time: {
        maxOutOfOrdernessMs: seconds(30),
        allowedLatenessMs: hours(2),
        idleAfterMs: seconds(15),
        maxFutureSkewMs: minutes(5),
      },
      raw: { table: "ATS_RAW_JSON", metadata: "RECORD_METADATA", content: "RECORD_CONTENT" },
      tables: (events) => [
        events.into("ATS_TRANSFORMED", toTyped),
        events.keyBy(trainKey).latest("ATS_LATEST_STATUS", toTyped),
        events.filter(isOvercrowded).keyBy(trainKey).session(seconds(gap)).episodes("ATS_ALERTS", {
          type: "OVERCROWDING",
          value: (e) => e.passenger_count,
          threshold: crowd,
          also: lineOf,
        }),
        events.filter(isHighPower).keyBy(trainKey).session(seconds(gap)).episodes("ATS_ALERTS", {
          type: "HIGH_POWER_DRAW",
          value: (e) => e.power_draw_kw,
          threshold: highKw,
          also: lineOf,
        }),
        // Kept per partition; the view ATS_HOURLY_STATS merges them and makes means of the sums.
        events.keyBy(trainKey).tumbling(hours(1)).aggregate("ATS_HOURLY_STATS_PARTS", {
          EVENT_COUNT: count(),
          SUM_PASSENGER_COUNT: sum((e) => e.passenger_count),
          MAX_PASSENGER_COUNT: max((e) => e.passenger_count),
          SUM_POWER_DRAW_KW: sum((e) => e.power_draw_kw, { mergeable: true }),
          MAX_POWER_DRAW_KW: max((e) => e.power_draw_kw),
          SUM_SPEED_KMH: sum((e) => e.speed_kmh, { mergeable: true }),
          SUM_TOTAL_WEIGHT_TONS: sum((e) => e.total_weight_tons, { mergeable: true }),
          OVERCROWDED_COUNT: count(isOvercrowded),
          HIGH_POWER_DRAW_COUNT: count(isHighPower),
        }),
      ],
      sql,
    };
  },
});
