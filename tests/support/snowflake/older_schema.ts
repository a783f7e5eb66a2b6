// A schema of a version before each domain had a table of offsets of its own.

import { TOPIC } from "../../contracts/warehouse/suite.ts";
import type { OwnSchema } from "./adapter.ts";

/** The schema as a version before has left it, which had only the first section of the scripts. */
export async function olderSchema(schema: OwnSchema): Promise<void> {
  await schema.sql(
    `CREATE TABLE $SCHEMA.FRESHET_OFFSETS (DOMAIN VARCHAR NOT NULL, TOPIC VARCHAR NOT NULL, KAFKA_PARTITION BIGINT NOT NULL,
     NEXT_OFFSET BIGINT NOT NULL, EPOCH BIGINT NOT NULL, CHECKPOINT_ID BIGINT NOT NULL, WATERMARK TIMESTAMP_NTZ,
     MAX_EVENT_TIME TIMESTAMP_NTZ, LAST_TIMESTAMP TIMESTAMP_NTZ, UPDATED_AT TIMESTAMP_NTZ NOT NULL)`,
  );
  await schema.sql(
    "INSERT INTO $SCHEMA.FRESHET_OFFSETS (DOMAIN, TOPIC, KAFKA_PARTITION, NEXT_OFFSET, EPOCH, CHECKPOINT_ID, UPDATED_AT) " +
      `SELECT 'domain', '${TOPIC}', 0, 7, 3, 5, SYSDATE() UNION ALL SELECT 'other', '${TOPIC}', 2, 1, 1, 1, SYSDATE()`,
  );
}
