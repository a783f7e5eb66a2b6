import { assertEquals, assertRejects } from "@std/assert";
import { QueryBusyError, WarehouseUnavailableError } from "../../src/errors.ts";
import { AnswerCache, type AnswerCacheOptions } from "../../src/http/dashboard/answer_cache.ts";

/** A warehouse that counts, and answers when it is told to. */
class Scene {
  now = 1_000_000;
  version = 1;
  readonly asked: string[] = [];
  #held: PromiseWithResolvers<void> | undefined;

  hold(): void {
    this.#held = Promise.withResolvers();
  }

  letGo(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  answers(over: Partial<AnswerCacheOptions> = {}): AnswerCache {
    return new AnswerCache({
      query: async (sql, { signal }) => {
        const count = this.asked.push(sql);
        await this.#held?.promise;
        signal?.throwIfAborted();
        return { columns: [{ name: "N", type: "BIGINT" }], rows: [[count]], truncated: false };
      },
      clock: { now: () => this.now, monotonic: () => this.now },
      version: () => this.version,
      freshMs: 1_000,
      staleMs: () => 60_000,
      ...over,
    });
  }
}

const ask = (answers: AnswerCache, key: string) =>
  answers.shared("trains", key, async (ask) => (await ask(key)).rows[0]![0]).then(({ data }) => data);

Deno.test("those who ask the same at the same time get one answer", async () => {
  const scene = new Scene();
  const answers = scene.answers();
  assertEquals(await Promise.all([ask(answers, "x"), ask(answers, "x"), ask(answers, "y")]), [1, 1, 2]);
  assertEquals(scene.asked, ["x", "y"]);
});

Deno.test("an answer is asked for again when it is old enough and something has changed, or when it is stale", async () => {
  const scene = new Scene();
  const answers = scene.answers();
  const after = async (ms: number, version: number) => {
    scene.now += ms;
    scene.version = version;
    return await ask(answers, "x");
  };
  assertEquals(await after(0, 1), 1);
  assertEquals(await after(500, 2), 1);
  assertEquals(await after(600, 2), 2);
  assertEquals(await after(30_000, 2), 2);
  assertEquals(await after(30_001, 2), 3);
});

Deno.test("an answer tells when it was asked for and how long it took", async () => {
  const scene = new Scene();
  const answer = await scene.answers().once(() => {
    scene.now += 25;
    return Promise.resolve("data");
  });
  assertEquals(answer, { data: "data", asked_at: new Date(1_000_000).toISOString(), took_ms: 25 });
});

Deno.test("a failure is not remembered", async () => {
  const scene = new Scene();
  let fails = true;
  const answers = scene.answers({
    query: () =>
      fails
        ? Promise.reject(new WarehouseUnavailableError("away"))
        : Promise.resolve({ columns: [], rows: [["back"]], truncated: false }),
  });
  await assertRejects(() => ask(answers, "x"), WarehouseUnavailableError, "away");
  fails = false;
  assertEquals(await ask(answers, "x"), "back");
});

Deno.test("few questions run at a time, and too many are refused", async () => {
  const scene = new Scene();
  const answers = scene.answers();
  scene.hold();
  const waiting = Array.from({ length: 202 }, (_, n) => ask(answers, `question ${n}`));
  await Promise.resolve();
  assertEquals(scene.asked.length, 2);
  await assertRejects(() => ask(answers, "one more"), WarehouseUnavailableError, "Too many questions");
  scene.letGo();
  assertEquals((await Promise.all(waiting)).length, 202);
});

Deno.test("a question that waits for its turn ends in time, and when whoever asked goes away", async () => {
  const scene = new Scene();
  const answers = scene.answers({ questionMs: 50 });
  scene.hold();
  const running = [ask(answers, "a"), ask(answers, "b")].map((asked) => assertRejects(() => asked, QueryBusyError));
  const stop = new AbortController();
  const left = assertRejects(() => answers.once((ask) => ask("left"), stop.signal), Error, "gone");
  const late = assertRejects(() => answers.once((ask) => ask("late")), QueryBusyError, "longer than 50 ms");
  stop.abort(new Error("gone"));
  await left;
  await late;
  assertEquals(scene.asked, ["a", "b"]);
  scene.letGo();
  await Promise.all(running);
});

Deno.test("a shared question goes on while anybody waits for it, and is given up when nobody does", async () => {
  const stops = [new AbortController(), new AbortController(), new AbortController()];
  const signals: AbortSignal[] = [];
  const answers = new Scene().answers({
    query: (sql, { signal }) => {
      signals.push(signal!);
      return new Promise((_, reject) => signal!.onabort = () => reject(new Error(`${sql} was stopped`)));
    },
  });
  const asking = ({ signal }: AbortController) => answers.shared("trains", "x", (ask) => ask("x"), { signal });
  const asked = stops.slice(0, 2).map(asking);
  stops[0]!.abort(new Error("first gone"));
  await assertRejects(() => asked[0]!, Error, "first gone");
  assertEquals(signals.map(({ aborted }) => aborted), [false]);
  stops[1]!.abort(new Error("second gone"));
  await assertRejects(() => asked[1]!, Error, "second gone");
  assertEquals(signals.map(({ aborted }) => aborted), [true]);
  const anew = asking(stops[2]!);
  await Promise.resolve();
  assertEquals(signals.map(({ aborted }) => aborted), [true, false]);
  stops[2]!.abort(new Error("third gone"));
  await assertRejects(() => anew, Error, "third gone");
});

Deno.test("of many answers the ones that were used last are remembered", async () => {
  const scene = new Scene();
  const answers = scene.answers();
  await ask(answers, "kept");
  for (let n = 0; n < 150; n++) {
    await ask(answers, `other ${n}`);
    await ask(answers, "kept");
  }
  assertEquals(scene.asked.filter((sql) => sql === "kept").length, 1);
  await ask(answers, "other 0");
  assertEquals(scene.asked.filter((sql) => sql === "other 0").length, 2);
});
