// How the page writes numbers with their units.
import { assertEquals } from "@std/assert";
import { durationText, powerOf, powerText, valueText } from "../../src/http/dashboard/page/format.ts";

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

Deno.test("a length of time is told by its two greatest units, from ten days on by days alone", () => {
  const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];
  const lengths = [0, 999, 1000, 61_000, 2 * hour + 5 * minute, day, 9 * day + 23 * hour, 10 * day, 318 * day + hour];
  assertEquals(lengths.map((ms) => durationText(ms).replaceAll("\u00a0", " ")), [
    ...["0 ms", "999 ms", "1 s", "1 min 1 s", "2 h 5 min", "1 d", "9 d 23 h", "10 d", "318 d"],
  ]);
});

Deno.test("a value is told as its unit is", () => {
  assertEquals(plain(valueText(2600, { unit: "kW", isPower: true })), "2.6 MW");
  assertEquals(plain(valueText(2600, { unit: "ms", isDuration: true })), "2.6 s");
  assertEquals(plain(valueText(1, { unit: "passengers" })), "1 passenger");
});
