// Bytes as text, one by one and out of a stretch that holds many.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { namesAtMost, reading, textOf } from "../../src/engine/text.ts";

/** Pieces one after another in one buffer, with bytes between them that belong to nobody. */
function laidOut(pieces: readonly Uint8Array[], gaps: readonly number[], lead: number): Uint8Array[] {
  const size = pieces.reduce((sum, piece, i) => sum + piece.length + gaps[i]!, lead);
  const buffer = new Uint8Array(size).fill(0xff);
  let at = lead;
  return pieces.map((piece, i) => {
    buffer.set(piece, at);
    const view = buffer.subarray(at, at + piece.length);
    at += piece.length + gaps[i]!;
    return view;
  });
}

const ascii = fc.string({ unit: "binary-ascii", maxLength: 40 }).map((text) => new TextEncoder().encode(text));
const any = fc.oneof(
  ascii,
  fc.string({ unit: "binary", maxLength: 20 }).map((text) => new TextEncoder().encode(text)),
  fc.uint8Array({ maxLength: 20 }),
);

Deno.test("a view reads the same out of its stretch as by itself", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(any, fc.nat(9)), { minLength: 1, maxLength: 30 }),
      fc.nat(9),
      (pieces, lead) => {
        const views = laidOut(pieces.map(([piece]) => piece), pieces.map(([, gap]) => gap), lead);
        const reader = reading(views[0], views.at(-1));
        assertEquals(views.map((view) => reader.read(view)), views.map(textOf));
      },
    ),
    { numRuns: 1000 },
  );
});

Deno.test("a view from elsewhere, before or behind the stretch reads as by itself", () => {
  const bytes = new TextEncoder().encode("one two three four");
  const reader = reading(bytes.subarray(4, 7), bytes.subarray(8, 13));
  const read = (view: Uint8Array) => reader.read(view);
  assertEquals(read(bytes.subarray(0, 3)), "one");
  assertEquals(read(bytes.subarray(14)), "four");
  assertEquals(read(new TextEncoder().encode("héllo")), "héllo");
  assertEquals(read(bytes), "one two three four");
});

Deno.test("without a first or last view, or with two of different buffers, every view is read by itself", () => {
  const [a, b] = [new TextEncoder().encode("a"), new TextEncoder().encode("b")];
  for (const reader of [reading(undefined, a), reading(a, null), reading(a, b)]) assertEquals(reader.read(b), "b");
});

Deno.test("reading ASCII out of a stretch counts its names as looking for them does, or one more at an edge", () => {
  const letters = fc.string({ unit: fc.constantFrom(...'a:"" \n!#9{}'), maxLength: 1200 });
  fc.assert(
    fc.property(fc.array(fc.tuple(letters, fc.nat(9)), { minLength: 1, maxLength: 5 }), fc.nat(9), (pieces, lead) => {
      const views = laidOut(
        pieces.map(([text]) => new TextEncoder().encode(text)),
        pieces.map(([, gap]) => gap),
        lead,
      );
      const reader = reading(views[0], views.at(-1));
      for (const view of views) {
        const names = namesAtMost(reader.read(view)!);
        const counted = reader.namesAtMost ?? names;
        if (counted !== names) assertEquals(counted, names + 1);
      }
    }),
    { numRuns: 1000 },
  );
});
