// Sums and means in SQL against whole-number arithmetic without a limit.
import { assertEquals } from "@std/assert";
import { DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { exactly } from "../../src/checks/exact.ts";
import { propertyRuns } from "../support/simulation/runs.ts";

/** A double as a whole number of units of 2^-1074. */
function units(x: number): bigint {
  const bits = new BigUint64Array(new Float64Array([x]).buffer)[0]!;
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const size = exponent === 0 ? fraction : (fraction | (1n << 52n)) << BigInt(exponent - 1);
  return bits >> 63n ? -size : size;
}

/** The double nearest to so many units of 2^-1074 divided by `n`, ties to even. */
function nearest(sum: bigint, n: bigint): number {
  const negative = sum < 0n;
  const size = negative ? -sum : sum;
  // The quotient's first 53 binary digits, and what is left.
  const shift = BigInt(Math.max(0, (size / n).toString(2).length - 53));
  const step = n << shift;
  let digits = size / step;
  const twice = (size % step) * 2n;
  if (twice > step || (twice === step && digits % 2n === 1n)) digits++;
  const value = Number(digits) * 2 ** (Number(shift) - 1074);
  return negative ? -value : value;
}

async function inSql(groups: readonly (readonly number[])[], what: "sum" | "mean") {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const rows = groups.flatMap((group, g) => group.map((x) => `(${g}, CAST('${x}' AS DOUBLE))`));
  const sql = `WITH R AS (SELECT * FROM (VALUES ${rows.join(", ")}) AS T (G, X)),
    ${exactly({ into: "RESULT", from: "R", keys: ["G"], values: { V: "X" }, what })}
    SELECT V, V_OFF FROM RESULT ORDER BY G`;
  const result = await connection.runAndReadAll(sql);
  connection.closeSync();
  instance.closeSync();
  return result.getRows() as [number, number][];
}

const scaled = (least: number, most: number) =>
  fc.tuple(fc.double({ min: 0.5, max: 1, noNaN: true }), fc.integer({ min: least, max: most }), fc.boolean()).map(
    ([x, exponent, minus]) => (minus ? -x : x) * 2 ** exponent,
  );
const readings = fc.oneof(
  fc.double({ min: -1e6, max: 1e6, noNaN: true, noDefaultInfinity: true }).map((x) => Math.abs(x) < 1e-9 ? 0 : x),
  fc.integer({ min: -100_000, max: 100_000 }).map((n) => n / 100),
  scaled(-16, 30),
  fc.constantFrom(0, -0, 1e9, -1e9, 0.1, 2 ** 40, -(2 ** 40), 1, 3, 0.30000000000000004),
);
const groups = fc.array(fc.array(readings, { minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 40 });

for (const what of ["sum", "mean"] as const) {
  Deno.test(`a ${what} in SQL is the exact one, rounded once`, async () => {
    await fc.assert(
      fc.asyncProperty(groups, async (groups) => {
        const actual = await inSql(groups, what);
        const expected = groups.map((group) =>
          nearest(group.reduce((sum, x) => sum + units(x), 0n), what === "mean" ? BigInt(group.length) : 1n)
        );
        assertEquals(actual.map(([value]) => value + 0), expected.map((value) => value + 0));
        assertEquals(actual.map(([, off]) => off), expected.map(() => 0));
      }),
      propertyRuns(30),
    );
  });
}

Deno.test("of numbers too far apart for one grid a sum in SQL says how far off it may be, and is not further", async () => {
  const far = fc.array(scaled(-900, 900), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(fc.array(far, { minLength: 1, maxLength: 20 }), async (groups) => {
      const actual = await inSql(groups, "sum");
      for (const [i, [value, off]] of actual.entries()) {
        const exact = nearest(groups[i]!.reduce((sum, x) => sum + units(x), 0n), 1n);
        assertEquals(off <= Math.max(...groups[i]!.map(Math.abs)) * 1e-15, true, `${off} is far`);
        assertEquals(Math.abs(value - exact) <= off, true, `${value} is not within ${off} of ${exact}`);
      }
    }),
    propertyRuns(20),
  );
});
