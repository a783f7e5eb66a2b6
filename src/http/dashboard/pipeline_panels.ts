// What every domain has in common: dead letters, late records, offsets. Asks Freshet's own tables.
import * as z from "zod";
import type { ActiveMute, Annotation, Timeline } from "../../panels/answers.ts";
import {
  all,
  bucketSql,
  type DomainPanels,
  objects,
  oneOf,
  panel,
  type PanelContext,
  pointsOf,
  type Rows,
  several,
  timestampMs,
  timestampText,
  topSeries,
} from "../../panels/mod.ts";
import type { PipelinePanels } from "./protocol.ts";

const MAX_GROUPS = 200;
const MAX_DEAD_LETTERS = 100;
/** A record's text is cut here; its length is told. */
const MAX_VALUE = 4_096;

const chosen = z.object({ domain: several, stage: several, reason: several });
type Chosen = z.infer<typeof chosen>;

async function deadLetterCounts(filter: Chosen, { ask }: PanelContext): Promise<Rows> {
  const where = oneOf("DOMAIN", filter.domain);
  return await ask(
    `SELECT DOMAIN, STAGE, REASON, COUNT(*) AS RECORDS, MAX(SEEN_AT) AS LAST_SEEN_AT
     FROM DEAD_LETTERS WHERE ${where.sql} GROUP BY DOMAIN, STAGE, REASON ORDER BY RECORDS DESC, DOMAIN, STAGE, REASON`,
    { binds: where.binds, maxRows: MAX_GROUPS },
  );
}

async function deadLetters(filter: Chosen, { ask }: PanelContext): Promise<Rows> {
  const where = all(oneOf("DOMAIN", filter.domain), oneOf("STAGE", filter.stage), oneOf("REASON", filter.reason));
  return await ask(
    `SELECT SEEN_AT, DOMAIN, TOPIC, KAFKA_PARTITION, KAFKA_OFFSET, STAGE, REASON, LEFT(DETAIL, ${MAX_VALUE}) AS DETAIL,
       LEFT(RECORD_KEY, 512) AS RECORD_KEY, ENCODING, LENGTH(RECORD_VALUE) AS VALUE_LENGTH,
       LEFT(RECORD_VALUE, ${MAX_VALUE}) AS RECORD_VALUE
     FROM DEAD_LETTERS WHERE ${where.sql} ORDER BY SEEN_AT DESC, KAFKA_PARTITION, KAFKA_OFFSET DESC
     LIMIT ${MAX_DEAD_LETTERS}`,
    { binds: where.binds },
  );
}

/** Stretch of a picture of dead letters, and of one of its bars. */
const TIMES_MS = 24 * 3_600_000;
const TIMES_BUCKET_S = 900;

async function deadLetterTimes(filter: Chosen, { ask }: PanelContext): Promise<Timeline | null> {
  const where = all(oneOf("DOMAIN", filter.domain), oneOf("STAGE", filter.stage), oneOf("REASON", filter.reason));
  const { rows: [newest] } = await ask(`SELECT MAX(SEEN_AT) FROM DEAD_LETTERS WHERE ${where.sql}`, {
    binds: where.binds,
    maxRows: 1,
  });
  const seenAt = timestampMs(newest?.[0]);
  if (seenAt === null) return null;
  const to = (Math.floor(seenAt / 1000 / TIMES_BUCKET_S) + 1) * TIMES_BUCKET_S;
  const from = to * 1000 - TIMES_MS;
  const counted = `SELECT ${bucketSql("SEEN_AT", TIMES_BUCKET_S)} AS BUCKET_AT, REASON AS SERIES, COUNT(*) AS VALUE
    FROM DEAD_LETTERS WHERE ${where.sql} AND SEEN_AT >= CAST(? AS TIMESTAMP_NTZ) GROUP BY 1, 2`;
  const answer = await ask(topSeries(counted), { binds: [...where.binds, timestampText(from)] });
  return {
    ...{ from, to: to * 1000, bucket_s: TIMES_BUCKET_S, source: "DEAD_LETTERS" },
    points: pointsOf(objects(answer)),
  };
}

async function lateCounts(filter: Chosen, { ask }: PanelContext): Promise<Rows> {
  const where = oneOf("DOMAIN", filter.domain);
  return await ask(
    `SELECT DOMAIN, OPERATOR, COUNT(*) AS RECORDS, MAX(LATENESS_MS) AS MAX_LATENESS_MS, MAX(EVENT_TIME) AS LAST_EVENT_TIME
     FROM LATE_RECORDS WHERE ${where.sql} GROUP BY DOMAIN, OPERATOR ORDER BY RECORDS DESC, DOMAIN, OPERATOR`,
    { binds: where.binds, maxRows: MAX_GROUPS },
  );
}

const MAX_MUTES = 100;
const MAX_ANNOTATIONS = 500;
const textOrNull = (cell: unknown) => cell === null ? null : String(cell);

/** Mutes of each rule, the one that lasts longest; those that have ended long ago are left out, the page knows what time it is. */
async function mutes(_filter: object, { ask }: PanelContext): Promise<readonly ActiveMute[]> {
  const { rows } = await ask(
    `SELECT DOMAIN, ALERT_TYPE, MUTED_BY, NOTE, ENDS_AT FROM ALERT_MUTES
     QUALIFY ROW_NUMBER() OVER (PARTITION BY DOMAIN, ALERT_TYPE ORDER BY ENDS_AT DESC, MUTE_ID) = 1
     ORDER BY ENDS_AT DESC LIMIT ${MAX_MUTES}`,
  );
  return rows.map(([domain, type, by, note, endsAt]) => (
    { domain: String(domain), type: String(type), by: String(by), note: textOrNull(note), ends_at: String(endsAt) }
  ));
}

/** The newest that are shown. */
async function annotations(_filter: object, { ask }: PanelContext): Promise<readonly Annotation[]> {
  const { rows } = await ask(
    `SELECT ANNOTATION_ID, DOMAIN, KIND, TEXT, WRITTEN_BY, STARTS_AT, ENDS_AT FROM ANNOTATIONS
     WHERE REMOVED_AT IS NULL ORDER BY STARTS_AT DESC, ANNOTATION_ID LIMIT ${MAX_ANNOTATIONS}`,
  );
  return rows.map(([id, domain, kind, text, by, startsAt, endsAt]) => ({
    id: String(id),
    domain: textOrNull(domain),
    kind: kind as Annotation["kind"],
    text: String(text),
    by: String(by),
    starts_at: String(startsAt),
    ends_at: textOrNull(endsAt),
  }));
}

export const pipelinePanels: DomainPanels<PipelinePanels> = {
  panels: {
    "dead-letter-counts": panel(chosen, deadLetterCounts),
    "dead-letters": panel(chosen, deadLetters),
    "dead-letter-times": panel(chosen, deadLetterTimes),
    "late-counts": panel(chosen, lateCounts),
    mutes: panel(z.object({}), mutes),
    annotations: panel(z.object({}), annotations),
  },
  tables: [
    { name: "DEAD_LETTERS", newest: ["SEEN_AT", "TOPIC", "KAFKA_PARTITION", "KAFKA_OFFSET", "DOMAIN"] },
    { name: "LATE_RECORDS", newest: ["EVENT_TIME", "TOPIC", "KAFKA_PARTITION", "KAFKA_OFFSET", "DOMAIN", "OPERATOR"] },
    { name: "ALERT_EVENTS", newest: ["CREATED_AT", "ALERT_ID", "EVENT", "EVENT_ID"] },
    { name: "ALERT_DELIVERIES", newest: ["UPDATED_AT", "EVENT_ID", "CHANNEL"], changesAlone: true },
    { name: "ALERT_ACKNOWLEDGEMENTS", newest: ["ACKNOWLEDGED_AT", "DOMAIN", "ALERT_ID"] },
    { name: "ALERT_MUTES", newest: ["MUTED_AT", "MUTE_ID"] },
    { name: "ANNOTATIONS", newest: ["STARTS_AT", "ANNOTATION_ID"] },
    { name: "FRESHET_OFFSETS", newest: ["UPDATED_AT", "TOPIC", "KAFKA_PARTITION", "DOMAIN"] },
  ],
};
