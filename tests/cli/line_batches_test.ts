import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { type LineBatch, lineBatches } from "../../src/cli/line_batches.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const LIMITS = { maxRecords: 3, maxBytes: 1000, maxLineBytes: 10_000, lingerMs: 5 };

async function collect(chunks: Iterable<Uint8Array>, limits = LIMITS): Promise<LineBatch[]> {
  async function* source() {
    yield* chunks;
  }
  return await Array.fromAsync(lineBatches(source(), limits));
}

const textOf = (batches: readonly LineBatch[]) =>
  batches.flatMap(({ lines }) => lines.map((line) => decoder.decode(line)));

Deno.test("lines are what is between line breaks, wherever the chunks are cut", async () => {
  const text = fc.string({ unit: fc.constantFrom("a", "é", "\n", "\r", " "), maxLength: 200 });
  await fc.assert(fc.asyncProperty(text, fc.array(fc.integer({ min: 0, max: 400 })), async (text, cuts) => {
    const bytes = encoder.encode(text);
    const at = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length];
    const chunks = at.slice(1).map((end, i) => bytes.slice(at[i], end));
    const batches = await collect(chunks);
    const expected = text.split("\n");
    if (expected.at(-1) === "") expected.pop();
    assertEquals(textOf(batches), expected);
    for (const { lines } of batches) assert(lines.length > 0 && lines.length <= LIMITS.maxRecords);
    if (batches.length > 0) assertEquals(batches.at(-1)!.bytesRead, bytes.length);
  }));
});

Deno.test("a batch ends when it is big enough in bytes", async () => {
  const batches = await collect([encoder.encode("aaaa\nbbbb\ncccc\n")], { ...LIMITS, maxRecords: 100, maxBytes: 8 });
  assertEquals(batches.map(({ lines }) => lines.length), [2, 1]);
});

Deno.test("lines that are here do not wait for more than the linger time", async () => {
  const more = Promise.withResolvers<void>();
  async function* source() {
    yield encoder.encode("first\nsec");
    await more.promise;
    yield encoder.encode("ond\n");
  }
  const batches = lineBatches(source(), LIMITS);
  assertEquals(textOf([(await batches.next()).value!]), ["first"]);
  more.resolve();
  assertEquals(textOf([(await batches.next()).value!]), ["second"]);
  assert((await batches.next()).done);
});

Deno.test("a line without end is refused before it fills the memory", async () => {
  const endless = Array.from({ length: 100 }, () => new Uint8Array(1000).fill(65));
  await assertRejects(() => collect(endless), RangeError, "Line 1 is longer than 10000 bytes");
});

Deno.test("leaving early closes the source", async () => {
  let closed = false;
  async function* source() {
    try {
      while (true) yield encoder.encode("a\nb\nc\n");
    } finally {
      closed = true;
    }
  }
  for await (const _ of lineBatches(source(), LIMITS)) break;
  assert(closed);
});
