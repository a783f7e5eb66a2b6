// Rules that the tables of any domain keep, made of what the domain declares.
import type { Domain } from "../domains/domain.ts";
import { tableKeyOf } from "../engine/rows.ts";
import { StateBackend, Stream } from "../stream/mod.ts";
import { position, type Rules } from "./rules.ts";

/** Where every record of the domain is that has been worked off. */
const seen = ({ name, raw }: Domain) =>
  `SEEN AS (
    SELECT ${position(raw.metadata)}, '${raw.table}' AS WHERE_IT_IS FROM ${raw.table}
    UNION ALL SELECT KAFKA_PARTITION, KAFKA_OFFSET, 'DEAD_LETTERS' FROM DEAD_LETTERS WHERE DOMAIN = '${name}'
  )`;

const positions = ({ name, topic }: Domain) =>
  `POSITIONS AS (SELECT * FROM FRESHET_OFFSETS WHERE DOMAIN = '${name}' AND TOPIC = '${topic}')`;

/** Offsets that one BIGINT has a bit for. */
const BLOCK = 60;

/** Rules by name; each is one query, so it sees one moment even while a run writes. */
export function generalRules(domain: Domain): Rules {
  const { name, raw } = domain;
  const rules: Record<string, string> = {
    // First by blocks of offsets, one bit an offset: a group for every offset takes more memory than DuckDB is given.
    "no offset is there twice": `
      WITH ${seen(domain)},
      BLOCKS AS (
        SELECT P, O // ${BLOCK} AS BLOCK FROM SEEN GROUP BY ALL
        HAVING COUNT(*) > BIT_COUNT(BIT_OR(1::BIGINT << (O % ${BLOCK})))
      )
      SELECT P, O, COUNT(*) AS TIMES, STRING_AGG(WHERE_IT_IS, ', ' ORDER BY WHERE_IT_IS) AS WHERE_IT_IS
      FROM SEEN WHERE (P, O // ${BLOCK}) IN (FROM BLOCKS) GROUP BY P, O HAVING COUNT(*) > 1`,
    "no record is beyond its partition's position": `
      WITH ${seen(domain)}, ${positions(domain)}
      SELECT S.P, S.O, S.WHERE_IT_IS, F.NEXT_OFFSET
      FROM SEEN AS S LEFT JOIN POSITIONS AS F ON F.KAFKA_PARTITION = S.P
      WHERE F.NEXT_OFFSET IS NULL OR S.O >= F.NEXT_OFFSET`,
    "late records are in the raw table": `
      SELECT KAFKA_PARTITION, KAFKA_OFFSET, OPERATOR FROM LATE_RECORDS AS L
      WHERE DOMAIN = '${name}' AND NOT EXISTS (
        FROM (SELECT ${position(raw.metadata)} FROM ${raw.table}) AS R
        WHERE R.P = L.KAFKA_PARTITION AND R.O = L.KAFKA_OFFSET
      )`,
  };
  const outputs = domain.tables(Stream.of({ state: new StateBackend(), allowedLatenessMs: 0 }));
  for (const output of outputs) {
    const key = tableKeyOf(output)?.keyColumns.join(", ");
    if (key === undefined) continue;
    rules[`no key is there twice in ${output.name}`] =
      `SELECT ${key}, COUNT(*) AS TIMES FROM ${output.name} GROUP BY ${key} HAVING COUNT(*) > 1`;
    if (output.kind !== "windows" && output.kind !== "sessions") continue;
    rules[`windows of ${output.name} are final once the watermark has passed them`] = `
      WITH ${positions(domain)}
      SELECT T.*, F.WATERMARK FROM ${output.name} AS T JOIN POSITIONS AS F USING (KAFKA_PARTITION)
      WHERE T.IS_FINAL IS DISTINCT FROM COALESCE(T.WINDOW_END <= F.WATERMARK, FALSE)`;
  }
  return rules;
}

/**
 * Offsets below a partition's position that are nowhere, as ranges: `P`, `FROM_OFFSET`, `TO_OFFSET` (exclusive). Topics of
 * Kafka have such gaps where records were compacted away or transactions aborted, and before the first that was still there.
 */
export function missingOffsets(domain: Domain): string {
  return `
    WITH ${seen(domain)}, ${positions(domain)},
    MARKS AS (
      SELECT P, O FROM SEEN
      UNION SELECT KAFKA_PARTITION, -1 FROM POSITIONS
      UNION SELECT KAFKA_PARTITION, NEXT_OFFSET FROM POSITIONS
    ),
    STEPS AS (SELECT P, LAG(O) OVER (PARTITION BY P ORDER BY O) + 1 AS FROM_OFFSET, O AS TO_OFFSET FROM MARKS)
    SELECT P, FROM_OFFSET, TO_OFFSET FROM STEPS WHERE FROM_OFFSET < TO_OFFSET ORDER BY P, FROM_OFFSET`;
}
