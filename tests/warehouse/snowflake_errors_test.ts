// What Snowflake's errors become: whether trying again can help.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { DriverError } from "../../src/warehouse/snowflake/driver.ts";
import {
  isDataError,
  isRefusal,
  isTooLarge,
  leavesSession,
  translate,
  translateQuery,
} from "../../src/warehouse/snowflake/errors.ts";
import { RowTooLargeError } from "../../src/warehouse/snowflake/request_size.ts";

const place = {
  account: "ORG-ACCOUNT",
  user: "FRESHET",
  database: "D",
  schema: "S",
  roleSetting: "SNOWFLAKE_ROLE",
  warehouseSetting: "SNOWFLAKE_WAREHOUSE",
};
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

Deno.test("a row's content is to blame for refused values, and for one that fits into no request", () => {
  const errors = [error("100038", "22018"), error("000608", "57P03"), new RowTooLargeError(9_000_000, tooLarge)];
  assertEquals(errors.map(isDataError), [true, false, true]);
});

const tooLarge = new DriverError({ message: "Request failed", response: { status: 413 } });

Deno.test("a request that is too large leaves the session, and less in one would have gone through", () => {
  const document = new DriverError({
    code: "100069",
    sqlState: "22P02",
    message: "Error parsing JSON: document is too large, max size 16777216 bytes",
  });
  const lob = new DriverError({
    code: "100082",
    sqlState: "22000",
    message: "Max LOB size (16777216) exceeded, actual size of parsed column is 20000000",
  });
  assertEquals([tooLarge, document, lob].map((each) => [isTooLarge(each), leavesSession(each)]), [
    [true, true],
    [true, true],
    [true, true],
  ]);
  const text = new DriverError({
    code: "100078",
    sqlState: "22000",
    message: "String 'a request that is too long' is too long and would be truncated",
  });
  assertEquals([text, error("100038", "22018"), error("", "")].map(isTooLarge), [false, false, false]);
  assertEquals(leavesSession(error("", "")), false);
});

for (const [code, sqlState] of [["002003", "42S02"], ["002037", "42601"]] as const) {
  Deno.test(`a table that is gone is told with what brings it back, when Snowflake says ${code}`, () => {
    const { message } = translate(error(code, sqlState), place);
    for (const part of ["UNDROP TABLE", "freshet replay <domain>"]) assertStringIncludes(message, part);
  });
}

Deno.test("a query of a view whose table was dropped is refused with what brings it back", () => {
  const refused = translateQuery(error("002037", "42601"), place) as Error & { code?: string };
  assertEquals(refused.code, "query_refused");
  assertStringIncludes(refused.message, "UNDROP TABLE");
});

Deno.test("a statement is to blame for what would be refused again, and not for what passes", () => {
  const passing = [["000603", "XX000"], ["000604", "57014"], ["000625", "57014"], ["000608", "57P03"], ["000999", ""]];
  const refused = [["001003", "42000"], ["003001", "42501"], ["000606", "57P03"]];
  const answers = (cases: readonly string[][]) => cases.map(([code, state]) => isRefusal(error(code!, state!), place));
  assertEquals([answers(passing), answers(refused)], [[false, false, false, false, false], [true, true, true]]);
});
