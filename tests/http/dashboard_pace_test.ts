// How often the page draws what has changed: all that was asked for is done, and drawing that takes long leaves time for others.
import { assert, assertEquals } from "@std/assert";
import { paced } from "../../src/http/dashboard/page/pace.ts";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A browser's frames. */
const frames = (call: () => void) => setTimeout(call, 1);

/** Keeps the thread busy. */
function work(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** A rest may be under way when a test ends. */
const rests = { sanitizeOps: false, sanitizeResources: false };

Deno.test("what is asked for together is done once, and later", rests, async () => {
  let done = 0;
  const soon = paced(() => done++, frames);
  for (let i = 0; i < 10; i++) soon();
  assertEquals(done, 0);
  while (done === 0) await sleep(1);
  await sleep(50);
  assertEquals(done, 1);
});

Deno.test(
  "what is asked for all the time is done for a third of it, and the last of it is not left out",
  rests,
  async () => {
    let [asked, told, times] = [0, 0, 0];
    const soon = paced(() => {
      times++;
      told = asked;
      work(10);
    }, frames);
    const began = performance.now();
    while (performance.now() - began < 300 || times < 2) {
      asked++;
      soon();
      await sleep(1);
    }
    const most = (performance.now() - began) / 30 + 1;
    assert(times <= most, `${times} times of at most ${most}`);
    while (told !== asked) await sleep(1);
  },
);

Deno.test("work that fails is done again when it is asked for again", rests, async () => {
  let done = 0;
  const told: unknown[] = [];
  const listener = (event: ErrorEvent) => (event.preventDefault(), told.push(event.message));
  globalThis.addEventListener("error", listener);
  const soon = paced(() => {
    done++;
    throw new Error("no");
  }, frames);
  for (let times = 1; times <= 2; times++) {
    soon();
    while (done < times) await sleep(1);
  }
  globalThis.removeEventListener("error", listener);
  assertEquals(told.length, 2);
});
