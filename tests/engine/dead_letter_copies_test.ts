// A commit waits for a moment for its dead letters' copies; while their topic is away they wait, and the commits do not.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { setImmediate } from "node:timers/promises";
import { DeadLetterCopies } from "../../src/engine/dead_letter_copies.ts";
import type { Copies, DeadLetterCopy } from "../../src/engine/dead_letter_topic.ts";
import { LogUnavailableError } from "../../src/errors.ts";
import { readings, TOPIC } from "../support/simulation/domain.ts";
import { Random } from "../support/simulation/random.ts";
import { Turns } from "../support/simulation/turns.ts";
import { World } from "../support/simulation/world.ts";

const NONE = { cut: 0, leftOut: 0 };
const copy = (value: string | Uint8Array): DeadLetterCopy => ({ record: { value }, loggedAt: 1 });

/** A queue over a topic that answers as `answer` does; time goes on when nobody does anything. */
class Place {
  readonly turns = new Turns(new Random(1), 0);
  readonly sent: string[] = [];
  readonly changed: Copies[] = [];
  readonly waiting: number[] = [];
  answer: () => Promise<Copies> = () => Promise.resolve(NONE);
  readonly copies: DeadLetterCopies;

  constructor() {
    const topic = {
      send: async (copies: readonly DeadLetterCopy[]) => {
        const answer = await this.answer();
        for (const { record } of copies) this.sent.push(String(record.value).slice(0, 8));
        return answer;
      },
    };
    this.copies = new DeadLetterCopies(topic, this.turns.gate({}).clock, {
      changed: (copies) => this.changed.push(copies),
      waiting: (count) => this.waiting.push(count),
    });
  }

  /** Lets time go on until the promise is settled, and says how long that took, milliseconds. */
  async took(promise: Promise<unknown>): Promise<number> {
    const begin = this.turns.now();
    let isSettled = false;
    promise.catch(() => {}).finally(() => isSettled = true);
    for (await setImmediate(); !isSettled; await setImmediate()) await this.turns.next();
    await promise;
    return this.turns.now() - begin;
  }

  async pass(ms: number): Promise<void> {
    await this.took(this.turns.gate({}).clock.sleep(ms));
  }
}

const away = () => Promise.reject(new LogUnavailableError("The broker is away"));

Deno.test("copies that the topic takes are there before the commit goes on", async () => {
  const place = new Place();
  assertEquals(await place.took(place.copies.send([copy("a"), copy("b")])), 0);
  assertEquals([place.sent, place.changed], [["a", "b"], []]);
});

Deno.test("while the topic is away one commit waits for a moment, the next ones do not, and the copies come in order", async () => {
  const place = new Place();
  place.answer = away;
  const first = await place.took(place.copies.send([copy("a")]));
  assert(first >= 900 && first < 1_200, `${first} ms`);
  for (const value of ["b", "c"]) assertEquals(await place.took(place.copies.send([copy(value)])), 0);
  await place.pass(60_000);
  assertEquals([place.sent, place.waiting.at(-1)], [[], 3]);
  place.answer = () => Promise.resolve(NONE);
  await place.pass(1_000);
  assertEquals([place.sent, place.changed], [["a", "b", "c"], []]);
  // It is back: commits wait again until the topic has theirs.
  await place.copies.send([copy("d")]);
  assertEquals(place.sent.at(-1), "d");
});

Deno.test("a topic that does not answer at all holds a commit up for a moment only", async () => {
  const place = new Place();
  const answer = Promise.withResolvers<Copies>();
  place.answer = () => answer.promise;
  const ms = await place.took(place.copies.send([copy("a")]));
  assert(ms >= 900 && ms < 1_200, `${ms} ms`);
  answer.resolve({ cut: 1, leftOut: 0 });
  await place.pass(1);
  assertEquals([place.sent, place.changed], [["a"], [{ cut: 1, leftOut: 0 }]]);
});

Deno.test("what waits has a bound, and what is left out is counted", async () => {
  const place = new Place();
  place.answer = away;
  const large = new Uint8Array(7 * 1024 * 1024);
  await place.took(place.copies.send([copy(large)]));
  await place.copies.send([copy(large)]);
  await place.copies.send([copy(large), copy("small")]);
  await place.copies.send([copy("a")]);
  assertEquals(place.changed.map(({ leftOut }) => leftOut), [2]);
  place.answer = () => Promise.resolve(NONE);
  await place.pass(1_000);
  assertEquals([place.sent.length, place.sent.at(-1)], [3, "a"]);
});

Deno.test("at the end of a run what waits is waited for a little, and then left out, with its number", async () => {
  const place = new Place();
  place.answer = away;
  await place.took(place.copies.send([copy("a"), copy("b")]));
  const ms = await place.took(place.copies.close());
  assert(ms >= 4_900 && ms < 5_200, `${ms} ms`);
  assertEquals(place.changed.map(({ leftOut }) => leftOut), [2]);
  // The domain is run again.
  place.answer = () => Promise.resolve(NONE);
  await place.took(place.copies.send([copy("c")]));
  await place.took(place.copies.close());
  assertEquals([place.sent, place.changed.length], [["c"], 1]);
});

Deno.test("an error that trying again cannot help is the commit's", async () => {
  const place = new Place();
  place.answer = () => Promise.reject(new Error("a bug"));
  await assertRejects(() => place.copies.send([copy("a")]), Error, "a bug");
  place.answer = () => Promise.resolve(NONE);
  await place.copies.send([copy("b")]);
  assertEquals(place.sent, ["b"]);
});

Deno.test("a domain goes on committing while its dead letter topic takes nothing, and the copies follow", async () => {
  const world = new World(readings(Infinity));
  world.faults = { "log.produce": 1 };
  const instance = world.start();
  for (let i = 0; i < 40; i++) world.produce("no JSON");
  await world.until(() => world.committed);
  assertEquals(world.warehouse.rows("DEAD_LETTERS").length, 40);
  const copies = () => world.log.partition(`${TOPIC}.dlq`, 0).records.length;
  assertEquals(copies(), 0);
  world.faults = {};
  await world.until(() => copies() >= 40);
  await world.stopped(instance);
  assertEquals(copies(), 40);
  assertEquals(world.messages.filter(({ level, text }) => level === "warn" && text === "{message}").length, 1);
});
