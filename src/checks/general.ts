// Rules that the tables of any domain keep, made of what the domain declares.
import { type Domain, outputsOf } from "../domains/domain.ts";
import { operatorOf } from "../engine/episodes.ts";
import { tableKeyOf } from "../engine/rows.ts";
import type { Output } from "@freshet/stream";
import { passed, position, type Rules } from "./rules.ts";

/** Where every record of the domain is that has been worked off. */
const seen = ({ name, raw }: Domain) =>
  `SEEN AS (
    SELECT ${position(raw.metadata)}, '${raw.table}' AS WHERE_IT_IS FROM ${raw.table}
    UNION ALL SELECT KAFKA_PARTITION, KAFKA_OFFSET, 'DEAD_LETTERS' FROM DEAD_LETTERS WHERE DOMAIN = '${name}'
  )`;

const positions = ({ name, topic }: Domain) =>
  `POSITIONS AS (SELECT * FROM FRESHET_OFFSETS WHERE DOMAIN = '${name}' AND TOPIC = '${topic}')`;

/** Gaps on record. */
const gaps = ({ name, topic }: Domain) =>
  `(SELECT KAFKA_PARTITION AS P, FROM_OFFSET, TO_OFFSET, REASON FROM FRESHET_GAPS WHERE DOMAIN = '${name}' AND TOPIC = '${topic}')`;

/** Offsets that one BIGINT has a bit for. */
const BLOCK = 60;

/** Places of `from` (`P` and `O`) that are there twice. */
function twice(from: string): string {
  // First by blocks of offsets, one bit an offset: a group for every offset takes more memory than DuckDB is given.
  return `BLOCKS AS (
        SELECT P, O // ${BLOCK} AS BLOCK FROM ${from} GROUP BY ALL
        HAVING COUNT(*) > BIT_COUNT(BIT_OR(1::BIGINT << (O % ${BLOCK})))
      )
      SELECT P, O, COUNT(*) AS TIMES, STRING_AGG(WHERE_IT_IS, ', ' ORDER BY WHERE_IT_IS) AS WHERE_IT_IS
      FROM ${from} WHERE (P, O // ${BLOCK}) IN (FROM BLOCKS) GROUP BY P, O HAVING COUNT(*) > 1`;
}

/** Rules by name; each is one query, so it sees one moment even while a run writes. */
export function generalRules(domain: Domain): Rules {
  const { raw } = domain;
  const outputs = outputsOf(domain);
  return {
    "no offset is there twice": `WITH ${seen(domain)}, ${twice("SEEN")}`,
    "no record is beyond its partition's position": `
      WITH ${seen(domain)}, ${positions(domain)}
      SELECT S.P, S.O, S.WHERE_IT_IS, F.NEXT_OFFSET
      FROM SEEN AS S LEFT JOIN POSITIONS AS F ON F.KAFKA_PARTITION = S.P
      WHERE F.NEXT_OFFSET IS NULL OR S.O IS NULL OR S.O < 0 OR S.O >= F.NEXT_OFFSET`,
    "no record is in a gap on record": `
      WITH ${seen(domain)}
      SELECT S.P, S.O, S.WHERE_IT_IS, G.FROM_OFFSET, G.TO_OFFSET
      FROM SEEN AS S JOIN ${gaps(domain)} AS G ON G.P = S.P AND S.O >= G.FROM_OFFSET AND S.O < G.TO_OFFSET
      WHERE G.REASON <> 'truncated'`,
    "gaps on record are behind their partition's position": `
      WITH ${positions(domain)}
      SELECT G.*, F.NEXT_OFFSET FROM ${gaps(domain)} AS G LEFT JOIN POSITIONS AS F ON F.KAFKA_PARTITION = G.P
      WHERE F.NEXT_OFFSET IS NULL OR G.TO_OFFSET > F.NEXT_OFFSET OR G.FROM_OFFSET >= G.TO_OFFSET OR G.FROM_OFFSET < 0`,
    // Accepted before there was the reason duplicate_name: what such a record says depends on who reads it. Of inner objects
    // only what the tables have of them shows.
    "no raw record has a name twice": `
      SELECT ${position(raw.metadata)}, ${raw.content} FROM ${raw.table}
      WHERE LEN(JSON_KEYS(${raw.content})) <> LEN(LIST_DISTINCT(JSON_KEYS(${raw.content})))`,
    ...alertEventRules(domain, outputs),
    ...lateRules(domain, outputs),
    ...Object.assign({}, ...outputs.map((output) => tableRules(domain, output))),
  };
}

/** What is told outside of alerts. */
function alertEventRules({ name }: Domain, outputs: readonly Output<unknown>[]): Rules {
  if (!outputs.some(({ kind }) => kind === "episodes")) return {};
  return {
    "alerts are told of once, raised before they are cleared": `
      SELECT ALERT_ID, COUNT(*) AS EVENTS, COUNT(DISTINCT EVENT_ID) AS IDS FROM ALERT_EVENTS WHERE DOMAIN = '${name}'
      GROUP BY ALERT_ID
      HAVING COUNT(*) > COUNT(DISTINCT EVENT_ID) OR SUM(CASE WHEN EVENT = 'RAISED' THEN 1 ELSE -1 END) NOT IN (0, 1)`,
    "what is delivered is an alert event, on a channel that it is for": `
      SELECT D.* FROM ALERT_DELIVERIES AS D LEFT JOIN ALERT_EVENTS AS E ON E.EVENT_ID = D.EVENT_ID
      WHERE D.DOMAIN = '${name}' AND NOT COALESCE(CONTAINS(E.CHANNELS, ',' || D.CHANNEL || ','), FALSE)`,
  };
}

function lateRules({ name, raw }: Domain, outputs: readonly Output<unknown>[]): Rules {
  const operators = outputs.map((output) => `'${output.kind === "episodes" ? operatorOf(output) : output.name}'`);
  return {
    "late records are in the raw table": `
      SELECT KAFKA_PARTITION, KAFKA_OFFSET, OPERATOR FROM LATE_RECORDS AS L
      WHERE DOMAIN = '${name}' AND NOT EXISTS (
        FROM (SELECT ${position(raw.metadata)} FROM ${raw.table}) AS R
        WHERE R.P = L.KAFKA_PARTITION AND R.O = L.KAFKA_OFFSET
      )`,
    "late records are told once, by an operator that there is": `
      SELECT OPERATOR, KAFKA_PARTITION, KAFKA_OFFSET, COUNT(*) AS TIMES FROM LATE_RECORDS WHERE DOMAIN = '${name}'
      GROUP BY ALL HAVING COUNT(*) > 1 OR OPERATOR NOT IN (${operators.join(", ")})`,
  };
}

function tableRules(domain: Domain, output: Output<unknown>): Rules {
  const { name } = output;
  const key = tableKeyOf(output)?.keyColumns.join(", ");
  if (key === undefined) {
    const rows = `TYPED AS (SELECT KAFKA_PARTITION AS P, KAFKA_OFFSET AS O, '${name}' AS WHERE_IT_IS FROM ${name})`;
    return { [`no row is there twice in ${name}`]: `WITH ${rows}, ${twice("TYPED")}` };
  }
  const once = {
    [`no key is there twice in ${name}`]:
      `SELECT ${key}, COUNT(*) AS TIMES FROM ${name} GROUP BY ${key} HAVING COUNT(*) > 1`,
  };
  if (output.kind !== "windows" && output.kind !== "sessions") return once;
  const view = mergedView(output);
  return {
    ...once,
    // What was final stays so when a late record corrects it.
    [`windows of ${name} are final once the watermark has passed them`]: `
      SELECT T.*, F.UP_TO FROM ${name} AS T LEFT JOIN ${passed(domain, name)} AS F ON F.P = T.KAFKA_PARTITION
      WHERE T.IS_FINAL IS DISTINCT FROM COALESCE(T.WINDOW_END <= F.UP_TO, FALSE)
        AND NOT (T.IS_FINAL AND T.VERSION > 1) OR NOT COALESCE(T.VERSION >= 1, FALSE)`,
    ...(view === undefined ? {} : versionRule(view, output)),
    ...(view === undefined ? {} : mergedFinalRule(domain, output)),
  };
}

type Windows = Extract<Output<unknown>, { readonly kind: "windows" | "sessions" }>;

/** The view that merges what the partitions have in an output's table. */
function mergedView({ name }: Windows): string | undefined {
  return name.endsWith("_PARTS") ? name.slice(0, -"_PARTS".length) : undefined;
}

function versionRule(view: string, output: Windows): Rules {
  const key = [...output.keyNames, "WINDOW_START"].join(", ");
  return {
    [`${view} has a version for every correction`]: `
      SELECT V.*, P.MIN_VERSION FROM ${view} AS V
      FULL JOIN (SELECT ${key}, 1 + SUM(VERSION - 1) AS MIN_VERSION FROM ${output.name} GROUP BY ALL) AS P USING (${key})
      WHERE NOT COALESCE(V.VERSION >= P.MIN_VERSION, FALSE)`,
  };
}

/** A merged row is final exactly when every partition of the topic has passed its end, whether it adds to the row or not. */
export function mergedFinalRule(domain: Domain, output: Windows): Rules {
  const view = mergedView(output);
  return {
    [`windows of ${view} are final once every partition has passed them`]: `
      WITH MIN_PASSED AS (
        SELECT CASE WHEN BOOL_AND(UP_TO IS NOT NULL) THEN MIN(UP_TO) END AS UP_TO FROM ${passed(domain, output.name)}
      )
      SELECT V.*, F.UP_TO FROM ${view} AS V CROSS JOIN MIN_PASSED AS F
      WHERE V.IS_FINAL IS DISTINCT FROM COALESCE(V.WINDOW_END <= F.UP_TO, FALSE)`,
  };
}

/**
 * Offsets below a partition's position that are nowhere, as ranges: `P`, `FROM_OFFSET`, `TO_OFFSET` (exclusive), without those
 * that are on record as gaps. Topics of Kafka have others where records were compacted away or transactions aborted.
 */
export function missingOffsets(domain: Domain): string {
  return `
    WITH ${seen(domain)}, ${positions(domain)},
    ACCOUNTED AS (
      SELECT P, O AS A, O + 1 AS B FROM SEEN
      UNION ALL SELECT P, FROM_OFFSET, TO_OFFSET FROM ${gaps(domain)}
      UNION ALL SELECT KAFKA_PARTITION, -1, 0 FROM POSITIONS
      UNION ALL SELECT KAFKA_PARTITION, NEXT_OFFSET, NEXT_OFFSET + 1 FROM POSITIONS
    ),
    STEPS AS (
      SELECT P, MAX(B) OVER (PARTITION BY P ORDER BY A ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS FROM_OFFSET,
        A AS TO_OFFSET
      FROM ACCOUNTED
    )
    SELECT P, FROM_OFFSET, TO_OFFSET FROM STEPS WHERE FROM_OFFSET < TO_OFFSET ORDER BY P, FROM_OFFSET`;
}
