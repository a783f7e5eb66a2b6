import { assertEquals } from "@std/assert";
import { QueuedOutput } from "../../src/cli/mod.ts";
import { setUpLogging } from "../../src/logging.ts";

/** A reader that takes a piece when it is told to. */
function slowReader() {
  const read: string[] = [];
  let turn = Promise.withResolvers<number>();
  const decoder = new TextDecoder();
  return {
    read,
    async write(bytes: Uint8Array): Promise<number> {
      const most = await turn.promise;
      turn = Promise.withResolvers<number>();
      read.push(decoder.decode(bytes.subarray(0, most), { stream: true }));
      return Math.min(most, bytes.length);
    },
    async take(most = Infinity) {
      turn.resolve(Math.min(most, 1e9));
      await new Promise((resolve) => setTimeout(resolve));
    },
    leave: () => turn.reject(new Error("Broken pipe")),
  };
}

Deno.test("text comes in order and whole, however little the reader takes at a time", async () => {
  const reader = slowReader();
  const output = new QueuedOutput({ write: (bytes) => reader.write(bytes) });
  for (const text of ["one ", "twö ", "three"]) output.write(text);
  for (let n = 0; n < 20; n++) await reader.take(3);
  assertEquals(reader.read.join(""), "one twö three");
  assertEquals(output.isWriting, false);
});

Deno.test("what a full queue does not take is counted, and told where it is missing", async () => {
  const reader = slowReader();
  const output = new QueuedOutput({ write: (bytes) => reader.write(bytes), maxQueued: 80 });
  const write = (text: string) => output.write(text);
  setUpLogging({ level: "info", format: "text", colors: false, secrets: [], write });
  for (let n = 0; n < 100; n++) output.write(`line ${n % 10}\n`);
  await reader.take();
  await reader.take();
  await reader.take();
  const text = reader.read.join("");
  assertEquals(text.match(/line \d/g)?.length, 11);
  assertEquals(/(\d+) log lines are missing here/.exec(text)?.[1], "89");
});

Deno.test("flushing waits for the reader, and not for ever", async () => {
  const reader = slowReader();
  const output = new QueuedOutput({ write: (bytes) => reader.write(bytes) });
  output.write("text");
  await output.flush(1);
  assertEquals([output.isWriting, reader.read], [true, []]);
  const flushed = output.flush(60_000);
  await reader.take();
  await flushed;
  assertEquals(reader.read, ["text"]);
});

Deno.test("when the reader has gone the rest is dropped", async () => {
  const reader = slowReader();
  const output = new QueuedOutput({ write: (bytes) => reader.write(bytes) });
  output.write("text");
  reader.leave();
  await output.flush(60_000);
  output.write("more");
  assertEquals(reader.read, []);
});
