// Tests of the double with two clients, each a session, in a schema of the test's own.

import { Client } from "../support/snowflake/driver.ts";
import { type SnowflakeDouble, startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";

export type TwoClients = (one: Client, two: Client, schema: string) => Promise<void>;

const skip = await whyNoSnowflake();

/** The double for the tests of a file, stopped after them; undefined where it cannot be had. */
export const double: SnowflakeDouble | undefined = skip === undefined ? await startSnowflake() : undefined;
Deno.test.afterAll(async () => await double?.stop());

let number = 0;

export function testTwoClients(name: string, body: TwoClients): void {
  Deno.test({
    name: `snowflake double: ${name}`,
    ignore: skip !== undefined,
    async fn() {
      await using one = await Client.connect(double!);
      await using two = await Client.connect(double!);
      const schema = `S${++number}`;
      await one.run(`CREATE SCHEMA ${schema}`);
      for (const client of [one, two]) {
        await client.run(`USE SCHEMA ${schema}`);
        await client.run("ALTER SESSION SET TIMEZONE = 'UTC'");
      }
      await body(one, two, `${double!.database}.${schema}`);
    },
  });
}
