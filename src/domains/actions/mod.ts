// Web user actions: what users do on which page, counted by minute, and their visits.

import { z } from "zod";
import sql from "../../../sql/actions.sql" with { type: "text" };
import dynamicTables from "../../../sql/snowflake/06_dynamic_tables_actions.sql" with { type: "text" };
import {
  count,
  distinctHashes,
  durationSeconds,
  type Element,
  first,
  hours,
  last,
  minutes,
  parseTimestamp,
  seconds,
} from "@freshet/stream";
import { domain, type DomainSpec } from "../domain.ts";
import { checks } from "./checks.ts";
import { older } from "./older.ts";
import { panels } from "./panels.ts";

const text = (max: number) => z.string().min(1).max(max);

/** One action of one user. Unknown fields stay in the raw table. */
export const UserAction = z.object({
  user_id: text(256).describe("Who; the key of the record"),
  action: text(64).describe("Kind of action, such as page_view, click or purchase"),
  page: text(2048).describe("Path or address of the page it happened on"),
  timestamp: z.union([z.string(), z.number()]).describe(
    "Event time: ISO 8601 (UTC when it says no offset) or epoch ms",
  ),
  session_id: z.string().max(256).nullish().describe("The client's own name of the visit"),
  referrer: z.string().max(2048).nullish().describe("Where the user came from"),
  device: z.string().max(64).nullish().describe("Kind of device, such as desktop or mobile"),
  duration_ms: z.number().min(0).nullish().describe("How long the action took, milliseconds"),
  metadata: z.record(z.string(), z.unknown()).nullish().describe("Whatever else the client tells"),
}).meta({ title: "UserAction", description: "One action of one web user" });

/** An action of another producer, which may not know of pages. */
const OlderUserAction = UserAction.extend({ page: text(2048).nullish() });

export type UserAction = z.infer<typeof OlderUserAction>;

export const actions = domain({
  name: "actions",
  checks,
  panels,
  simulator: () => import("../../../simulators/actions.ts").then(({ actions }) => actions),
  dynamicTables,
  settings: {},
  define(): DomainSpec<UserAction> {
    const userKey = { USER_ID: (e: UserAction) => e.user_id };
    const toTyped = (e: UserAction, { time, offset }: Element<UserAction>, partition: number) => ({
      TIMESTAMP: time,
      USER_ID: e.user_id,
      ACTION: e.action,
      PAGE: e.page,
      SESSION_ID: e.session_id,
      REFERRER: e.referrer,
      DEVICE: e.device,
      DURATION_MS: e.duration_ms,
      KAFKA_PARTITION: partition,
      KAFKA_OFFSET: offset,
    });
    return {
      topic: "events",
      group: "freshet-actions",
      schema: UserAction,
      older: [
        { only: { field: "user_id", type: "number" }, fields: older, schema: OlderUserAction },
        { only: { field: "event_type", type: "string" }, fields: older, schema: OlderUserAction },
        { fields: older },
      ],
      schemaSubject: "events-value",
      key: (e: UserAction) => e.user_id,
      eventTime: (e: UserAction) => parseTimestamp(e.timestamp),
      time: {
        maxOutOfOrdernessMs: seconds(30),
        allowedLatenessMs: hours(1),
        idleAfterMs: seconds(15),
        maxFutureSkewMs: minutes(5),
      },
      raw: { table: "USER_ACTIONS_RAW", metadata: "RECORD_METADATA", content: "RECORD_CONTENT" },
      tables: (events) => [
        events.into("USER_ACTIONS", toTyped),
        // Kept per partition; the view ACTIONS_PER_MINUTE merges them. Users are counted once although a producer that does
        // not key its records spreads a user over the partitions.
        events.keyBy({ ACTION: (e) => e.action }).tumbling(minutes(1)).aggregate("ACTIONS_PER_MINUTE_PARTS", {
          ACTION_COUNT: count(),
          USER_HASHES: distinctHashes((e) => e.user_id),
        }),
        events.keyBy(userKey).session(minutes(30)).aggregate("USER_SESSIONS", {
          EVENT_COUNT: count(),
          DURATION_S: durationSeconds(),
          FIRST_PAGE: first((e) => e.page ?? null),
          LAST_PAGE: last((e) => e.page ?? null),
        }),
      ],
      sql,
      ingest: {
        path: "/events",
        summary: "Publishes a user action",
        example: { user_id: "u42", action: "click", page: "/pricing", timestamp: "2026-11-20T09:30:00Z" },
        timeField: "timestamp",
      },
    };
  },
});
