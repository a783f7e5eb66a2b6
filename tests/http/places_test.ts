import { assert, assertEquals } from "@std/assert";
import { Places } from "../../src/http/places.ts";

const LIMITS = { total: 3, perAddress: 2, timeoutMs: 60_000 };

/** A client whose connection tells what is done with it. */
function client(address: string, told: string[] = []) {
  return {
    address,
    connection: {
      begin: () => void told.push("begins"),
      end: () => void told.push("ends"),
      close: () => {
        told.push("is cut off");
        return Promise.resolve();
      },
    },
  };
}

/** Pieces, and how many have been made. */
function pieces(...texts: readonly string[]) {
  const made = { count: 0 };
  const iterator = (async function* () {
    for (const text of texts) {
      made.count++;
      yield await Promise.resolve(text);
    }
  })();
  return { made, iterator };
}

Deno.test("there are so many places in all and for one address, and who leaves makes room", () => {
  const places = new Places(LIMITS);
  const opened = ["a", "a", "a", "b", "c"].map((address) => places.enter(client(address)));
  assertEquals(opened.map((one) => one !== undefined), [true, true, false, true, false]);
  opened[0]!.leave();
  opened[0]!.leave();
  assert(places.enter(client("a")));
  assertEquals(places.enter(client("d")), undefined);
});

Deno.test("the next piece is made when the connection has taken the last, and the place is given back at the end", async () => {
  const told: string[] = [];
  const places = new Places(LIMITS);
  const place = places.enter(client("a", told))!;
  const { made, iterator } = pieces("two", "😀".repeat(50_000));
  const reader = place.stream("one", iterator).getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  assertEquals(decoder.decode((await reader.read()).value), "one");
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(made.count, 0);
  assertEquals(decoder.decode((await reader.read()).value), "two");
  let rest = "";
  for (let read = await reader.read(); !read.done; read = await reader.read()) rest += decoder.decode(read.value);
  assertEquals([rest === "😀".repeat(50_000), told], [true, ["begins", "ends"]]);
});

Deno.test("what fails midway does not end as if it were whole", async () => {
  const told: string[] = [];
  const place = new Places(LIMITS).enter(client("a", told))!;
  const failing = (async function* () {
    yield await Promise.resolve("two");
    throw new Error("on purpose");
  })();
  const reader = place.stream("one", failing).getReader();
  await reader.read();
  await reader.read();
  assertEquals(await reader.read().catch((error: Error) => error.message), "on purpose");
  assertEquals([told, place.signal.aborted], [["begins", "ends"], true]);
});

Deno.test("a client that takes too long is cut off", async () => {
  const told: string[] = [];
  const place = new Places({ ...LIMITS, timeoutMs: 5 }).enter(client("a", told))!;
  const stream = place.stream("one", pieces("two").iterator);
  await new Promise<void>((resolve) => place.signal.addEventListener("abort", () => resolve()));
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(told, ["begins", "ends", "is cut off"]);
  await stream.cancel();
});
