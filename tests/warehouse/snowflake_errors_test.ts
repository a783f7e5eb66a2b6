// What Snowflake's errors become: whether trying again can help.

import { assertEquals } from "@std/assert";
import { DriverError } from "../../src/warehouse/snowflake/driver.ts";
import { isDataError, translate, translateQuery } from "../../src/warehouse/snowflake/errors.ts";

const place = { account: "ORG-ACCOUNT", user: "FRESHET", database: "D", schema: "S", roleSetting: "SNOWFLAKE_ROLE" };
const error = (code: string, sqlState: string) => new DriverError({ code, sqlState, message: "it went wrong" });

const CASES: readonly (readonly [code: string, sqlState: string, becomes: string])[] = [
  ["000608", "57P03", "warehouse_unavailable"],
  ["000615", "25000", "warehouse_unavailable"],
  ["000999", "57014", "warehouse_unavailable"],
  ["000999", "40001", "warehouse_unavailable"],
  ["000999", "53300", "warehouse_unavailable"],
  ["000999", "XX000", "warehouse_unavailable"],
  ["000999", "", "warehouse_unavailable"],
  ["000606", "57P03", "warehouse_refused"],
  ["000999", "42601", "warehouse_refused"],
  ["000999", "0A000", "warehouse_refused"],
];

for (const [code, sqlState, becomes] of CASES) {
  Deno.test(`Snowflake's error ${code} of state "${sqlState}" becomes ${becomes}`, () => {
    assertEquals((translate(error(code, sqlState), place) as unknown as { readonly code: string }).code, becomes);
  });
}

Deno.test("a query's own mistakes are its author's, and what passes by itself is not", () => {
  const codes = ["42601", "57014"].map((state) =>
    (translateQuery(error("000999", state), place) as { code?: string }).code
  );
  assertEquals(codes, ["query_refused", "warehouse_unavailable"]);
});

Deno.test("a row's content is to blame for refused values and for requests that are too large", () => {
  const tooLarge = new DriverError({ message: "Request failed", response: { status: 413 } });
  assertEquals([error("100038", "22018"), error("000608", "57P03"), tooLarge].map(isDataError), [true, false, true]);
});
