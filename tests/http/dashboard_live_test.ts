import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Live, type LiveOptions, type Wanted } from "../../src/http/dashboard/live.ts";

const OPTIONS: LiveOptions = {
  look: () => Promise.resolve(),
  everyMs: 10_000,
  heartbeatMs: 10_000,
  maxClients: 3,
  maxClientsPerAddress: 2,
};

let clients = 0;

/** Topics under their own names. */
const wanted = (topics: readonly string[], more: Partial<Wanted> = {}): Wanted => ({
  topics: new Map(topics.map((topic) => [topic, topic])),
  ...more,
});

/** A browser that reads when it is told to. */
function browser(live: Live, topics: readonly string[], have?: ReadonlyMap<string, string>) {
  const stream = live.open(wanted(topics, { have }), { address: `client ${clients++}` })!;
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  return {
    async read(): Promise<string> {
      const { value } = await reader.read();
      return value ? decoder.decode(value) : "end";
    },
    leave: () => reader.cancel(),
  };
}

/** Names and data of the events of a piece of a stream; of those that tell what has changed the change. */
function eventsOf(text: string): string[] {
  return [...text.matchAll(/event: (.*)\ndata: (.*)\n/g)].map(([, name, data]) => {
    const { is, delta } = JSON.parse(data!);
    return `${name} ${JSON.stringify(delta?.set ?? delta ?? is)}`;
  });
}

const idOf = (text: string) => /id: (.*)\n/.exec(text)?.[1];

Deno.test("a client is told what there is, then what comes, of the topics that it asked for", async () => {
  using live = new Live(OPTIONS);
  const stays = browser(live, ["a", "b"]);
  await stays.read();
  live.publish("a", 1);
  live.publish("b", 1);
  const client = browser(live, ["a", "none"]);
  assertEquals(await client.read(), "retry: 2000\n\n");
  assertEquals(eventsOf(await client.read()), ["a 1"]);
  live.publish("b", 2);
  live.publish("a", 2);
  assertEquals(eventsOf(await client.read()), ["a 2"]);
  await client.leave();
  await stays.leave();
  assertEquals(live.clients, 0);
});

Deno.test("a client that does not read holds the newest event of each topic, not all of them", async () => {
  using live = new Live(OPTIONS);
  const client = browser(live, ["a", "b"]);
  await client.read();
  for (let n = 0; n <= 10_000; n++) live.publish("a", n);
  live.publish("b", "x");
  assertEquals(eventsOf(await client.read()), ["a 10000", 'b "x"']);
});

Deno.test("nothing is made for a client before it reads", async () => {
  using live = new Live(OPTIONS);
  const stream = live.open(wanted(["a"]), { address: "a" })!;
  live.publish("a", 1);
  live.publish("a", 2);
  const reader = stream.getReader();
  await reader.read();
  const { value } = await reader.read();
  assertEquals(eventsOf(new TextDecoder().decode(value)), ["a 2"]);
  await reader.cancel();
});

Deno.test("data that says the same again is not sent again", async () => {
  using live = new Live(OPTIONS);
  const client = browser(live, ["a"]);
  await client.read();
  live.publish("a", { at: 1, rows: [1] }, [1]);
  assertEquals(eventsOf(await client.read()), ['a {"at":1,"rows":[1]}']);
  live.publish("a", { at: 2, rows: [1] }, [1]);
  live.publish("a", { at: 3, rows: [2] }, [2]);
  assertEquals(eventsOf(await client.read()), ['a {"at":3,"rows":[2]}']);
});

Deno.test("a client that comes back is told only what it has missed, and everything by another process", async () => {
  using live = new Live(OPTIONS);
  const stays = browser(live, ["a", "b"]);
  await stays.read();
  live.publish("a", 1);
  const first = browser(live, ["a", "b"]);
  await first.read();
  const have = new Map([["a", idOf(await first.read())!]]);
  await first.leave();
  live.publish("b", 1);
  const again = browser(live, ["a", "b"], have);
  await again.read();
  assertEquals(eventsOf(await again.read()), ["b 1"]);
  using other = new Live(OPTIONS);
  const moved = browser(other, ["a", "b"], have);
  await moved.read();
  other.publish("a", 7);
  other.publish("b", 7);
  assertEquals(eventsOf(await moved.read()), ["a 7", "b 7"]);
});

Deno.test("what is told when those who asked have left is kept, and not offered as new to who comes later", async () => {
  using live = new Live(OPTIONS);
  const stays = browser(live, ["b"]);
  await stays.read();
  live.publish("a", "old");
  const later = browser(live, ["a"]);
  await later.read();
  live.publish("a", "new");
  assertEquals(eventsOf(await later.read()), ['a "new"']);
});

Deno.test("who has a version is told what has changed since, however many were left out", async () => {
  using live = new Live(OPTIONS);
  const rows = (last: number) => ({ rows: [...Array(20).keys(), last] });
  const client = browser(live, ["a"]);
  await client.read();
  live.publish("a", rows(0));
  assertEquals(eventsOf(await client.read()), [`a ${JSON.stringify(rows(0))}`]);
  live.publish("a", rows(1));
  live.publish("a", rows(2));
  const text = await client.read();
  assertEquals(eventsOf(text), ['a {"in":{"rows":{"items":[20,{"set":2}]}}}']);
  assertStringIncludes(text, '"from":1,');
  // Somebody else has nothing yet.
  const other = browser(live, ["a"]);
  await other.read();
  assertEquals(eventsOf(await other.read()), [`a ${JSON.stringify(rows(2))}`]);
});

Deno.test("a client that says what it has is told what has changed since, also when nobody listened meanwhile", async () => {
  using live = new Live(OPTIONS);
  const first = browser(live, ["a", "b"]);
  await first.read();
  const rows = (last: number) => [...Array(20).keys(), last];
  live.publish("a", rows(0));
  live.publish("b", 1);
  const ids = [...(await first.read()).matchAll(/id: (.*)\n/g)].map(([, id]) => id!);
  await first.leave();
  const have = new Map([["a", ids[0]!], ["b", ids[1]!]]);
  const opened = (more: Partial<Wanted>) => {
    const reader = live.open(wanted(["a", "b"], more), { address: `client ${clients++}` })!.getReader();
    return async () => new TextDecoder().decode((await reader.read()).value);
  };
  const again = opened({ have });
  await again();
  live.publish("a", rows(1));
  live.publish("b", 1);
  assertEquals(eventsOf(await again()), ['a {"items":[20,{"set":1}]}']);
  // Its connection was lost after the change: what it said at first is out of date, and it comes back with the same words.
  const lost = opened({ have });
  await lost();
  assertEquals(eventsOf(await lost()), [`a ${JSON.stringify(rows(1))}`]);
  const stranger = opened({ have: new Map([["a", "other-1"]]) });
  await stranger();
  assertEquals(eventsOf(await stranger()), [`a ${JSON.stringify(rows(1))}`, "b 1"]);
});

Deno.test("a topic's events have the name that the client has given it", async () => {
  using live = new Live(OPTIONS);
  const reader = live.open({ topics: new Map([["5 trains/kpis?line=\n", "ask-0"]]) }, { address: "a" })!.getReader();
  await reader.read();
  live.publish("5 trains/kpis?line=\n", 1);
  assertEquals(eventsOf(new TextDecoder().decode((await reader.read()).value)), ["ask-0 1"]);
  await reader.cancel();
});

Deno.test("a silent stream shows that it is alive", async () => {
  using live = new Live({ ...OPTIONS, heartbeatMs: 5 });
  const client = browser(live, ["a"]);
  await client.read();
  assertEquals(await client.read(), ": still here\n\n");
  assertEquals(await client.read(), ": still here\n\n");
});

Deno.test("there is a greatest number of clients, and who leaves makes room", async () => {
  using live = new Live(OPTIONS);
  const clients = [1, 2, 3].map(() => browser(live, ["a"]));
  assertEquals(live.open(wanted(["a"]), { address: "other" }), undefined);
  await clients[0]!.leave();
  assert(live.open(wanted(["a"]), { address: "other" }));
});

Deno.test("one address has no more than its share of the places", () => {
  using live = new Live(OPTIONS);
  const opened = ["one", "one", "one", "other"].map((address) => live.open(wanted(["a"]), { address }) !== undefined);
  assertEquals(opened, [true, true, false, true]);
});

Deno.test("a client whose connection takes nothing for long is cut off, and one that reads stays", async () => {
  using live = new Live({ ...OPTIONS, heartbeatMs: 5 });
  const told: string[] = [];
  const cut = Promise.withResolvers<void>();
  const connectionOf = (name: string) => ({
    begin: () => void told.push(`${name} begins`),
    end: () => void told.push(`${name} ends`),
    close: () => {
      told.push(`${name} is cut off`);
      if (name === "stalled") cut.resolve();
      return Promise.resolve();
    },
  });
  live.open(wanted(["a"]), { address: "stalled", connection: connectionOf("stalled") });
  const reader = live.open(wanted(["a"]), { address: "reads", connection: connectionOf("reads") })!.getReader();
  let reading = true;
  const read = (async () => {
    while (reading) await reader.read();
  })();
  await cut.promise;
  assertEquals(told, ["stalled begins", "reads begins", "stalled ends", "stalled is cut off"]);
  assertEquals(live.clients, 1);
  reading = false;
  await reader.cancel();
  await read;
});

Deno.test("it looks for news only while somebody listens, and tells what is listened to", async () => {
  const looked: string[][] = [];
  const second = Promise.withResolvers<void>();
  using live = new Live({
    ...OPTIONS,
    everyMs: 1,
    look(topics) {
      looked.push([...topics].sort());
      if (looked.length === 2) second.resolve();
      return Promise.resolve();
    },
  });
  assertEquals(looked, []);
  const client = browser(live, ["b"]);
  const other = browser(live, ["a"]);
  await second.promise;
  assertEquals(looked.slice(0, 2), [["b"], ["a", "b"]]);
  await client.leave();
  await other.leave();
  const count = looked.length;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(looked.length, count);
});

Deno.test("closing ends every stream", async () => {
  const live = new Live(OPTIONS);
  const client = browser(live, ["a"]);
  await client.read();
  const rest = client.read();
  live[Symbol.dispose]();
  assertEquals(await rest, "end");
});
