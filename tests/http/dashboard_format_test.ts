// How the page writes numbers with their units.
import { assertEquals } from "@std/assert";
import { powerOf, powerText, valueText } from "../../src/http/dashboard/page/format.ts";

/** Without what differs by language. */
const plain = (text: string) => text.replace("\u00a0", " ").replace(",", ".");

Deno.test("power is told in MW from a thousand kW on, and in kW below", () => {
  const texts = [0, 46.72, 468.4, 999.4, 999.5, 1000, 1646, -1646, -437, 2600, 13_104, 104_600].map(powerText);
  assertEquals(texts.map(plain), [
    "0 kW",
    "46.7 kW",
    "468 kW",
    "999 kW",
    "1 MW",
    "1 MW",
    "1.65 MW",
    "-1.65 MW",
    "-437 kW",
    "2.6 MW",
    "13.1 MW",
    "105 MW",
  ]);
});

Deno.test("a power that is not known is a dash", () => {
  assertEquals([null, undefined, NaN].map((value) => powerOf(value)[0]), ["–", "–", "–"]);
  assertEquals([null, undefined, NaN].map(powerText), ["–", "–", "–"]);
});

Deno.test("a value is told as its unit is", () => {
  assertEquals(plain(valueText(2600, { unit: "kW", isPower: true })), "2.6 MW");
  assertEquals(plain(valueText(2600, { unit: "ms", isDuration: true })), "2.6 s");
  assertEquals(plain(valueText(1, { unit: "passengers" })), "1 passenger");
});
