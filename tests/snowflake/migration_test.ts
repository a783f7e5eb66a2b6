// The queries of docs/migration.md that compare Freshet's tables with those of an old system by partition and offset.

import { assertEquals } from "@std/assert";
import { ask, expected, oldTable, readers, withTopic, work } from "../migration/places.ts";
import { ownSchema } from "../support/snowflake/adapter.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";

const skip = await whyNoSnowflake();
const double = skip === undefined ? await startSnowflake() : undefined;
Deno.test.afterAll(async () => await double?.stop());

for (const domain of readers) {
  const how = domain.copyOf === undefined ? "the topic" : "a keyed copy of the topic";
  Deno.test({
    name: `snowflake: what an old table has, and Freshet has not, is found where it reads ${how}`,
    ignore: skip !== undefined,
    async fn() {
      await withTopic(async (log) => {
        await using schema = await ownSchema(double!);
        await using warehouse = await schema.open();
        await work(domain, log, warehouse);
        await schema.sql(oldTable("$SCHEMA.OLD_RIDES", (text) => `PARSE_JSON('${text}')`));
        assertEquals(await ask(warehouse, (sql) => sql), expected(domain));
      });
    },
  });
}
