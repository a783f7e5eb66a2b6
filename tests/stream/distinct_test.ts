// Counting different values by a sketch, and the span of event time.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  addDistinct,
  countDistinct,
  DISTINCT_KEPT,
  HASH_DIGITS,
  mergeDistinct,
} from "../../src/stream/distinct_sketch.ts";
import { distinctHashes, type DistinctSketch, durationSeconds } from "@freshet/stream";
import { propertyRuns } from "../support/simulation/runs.ts";

function sketchOf(texts: Iterable<string>): DistinctSketch {
  const sketch: DistinctSketch = [];
  for (const text of texts) addDistinct(sketch, text);
  return sketch;
}

const names = (count: number, prefix = "user_") => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

Deno.test("a sketch counts fewer than 1024 different texts exactly, whatever the order and however they are split", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 3 }), { maxLength: 900 }), fc.nat(), (texts, cut) => {
      const whole = sketchOf(texts);
      assertEquals(countDistinct(whole), new Set(texts).size);
      assertEquals(sketchOf(texts.toReversed()), whole);
      const at = cut % (texts.length + 1);
      assertEquals(mergeDistinct(sketchOf(texts.slice(0, at)), sketchOf(texts.slice(at))), whole);
    }),
    propertyRuns(100),
  );
});

for (const count of [1023, 1024, 5_000, 200_000]) {
  Deno.test(`of ${count} different texts a sketch keeps at most ${DISTINCT_KEPT} hashes and is within 10 %`, () => {
    for (const prefix of ["user_", "", "https://example.org/"]) {
      const all = names(count, prefix);
      const sketch = sketchOf(all);
      assertEquals(sketch.length, Math.min(count, DISTINCT_KEPT));
      const error = Math.abs(countDistinct(sketch) / count - 1);
      // Three standard errors of 1 / sqrt(k - 2).
      assert(error <= (count < DISTINCT_KEPT ? 0 : 3 / Math.sqrt(DISTINCT_KEPT - 2)), `${prefix}: ${error}`);
      const [left, right] = [sketchOf(all.slice(0, count / 2)), sketchOf(all.slice(count / 3))];
      assertEquals(mergeDistinct(left, right), sketch);
    }
  });
}

Deno.test("beyond 1023 the standard error is 3.13 %, of 400 sketches of different texts none is off by five of it", () => {
  const [seeds, count] = [400, 4000];
  const standardError = 1 / Math.sqrt(DISTINCT_KEPT - 2);
  const errors = Array.from(
    { length: seeds },
    (_, seed) => countDistinct(sketchOf(names(count, `${seed}/`))) / count - 1,
  );
  const mean = errors.reduce((sum, error) => sum + error, 0) / seeds;
  assert(Math.abs(mean) < 4 * standardError / Math.sqrt(seeds), `the estimates are biased by ${mean}`);
  const spread = Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / seeds);
  assert(spread > 0.8 * standardError && spread < 1.1 * standardError, `the standard error is ${spread}`);
  const within = errors.filter((error) => Math.abs(error) <= standardError).length / seeds;
  assert(within > 0.61 && within < 0.8, `${within} of the estimates are within one standard error`);
  assert(errors.every((error) => Math.abs(error) < 5 * standardError));
});

Deno.test("as text a sketch is its hashes in ascending order, each of as many digits", () => {
  const users = distinctHashes<string>((text) => text);
  const add = (texts: readonly string[]) =>
    users.result(
      texts.reduce((acc, value) => users.add(acc, value, { value, time: 0, offset: 0, watermark: 0 }), users.initial()),
    );
  const text = add(names(200));
  const hashes = text.match(new RegExp(`\\d{${HASH_DIGITS}}`, "g"))!;
  assertEquals([hashes.join(""), hashes.length, new Set(hashes).size], [text, 200, 200]);
  assertEquals(hashes, hashes.toSorted());
  assertEquals(add([]), "");
});

Deno.test("a duration is the span of event time in seconds, to the microsecond", () => {
  const duration = durationSeconds<string>();
  const of = (...times: number[]) =>
    times.reduce(
      (acc, time) => duration.add(acc, "", { value: "", time, offset: 0, watermark: 0 }),
      duration.initial(),
    );
  assertEquals(duration.result(of(5_000, 1_000.5, 3_000)), 3.9995);
  assertEquals(duration.result(of(7)), 0);
  assertEquals(duration.result(of()), 0);
  assertEquals(duration.result(duration.merge(of(1_000), of(2_000, 9_000))), 8);
  assertEquals(duration.merge(of(), of(1)), [1, 1]);
});
