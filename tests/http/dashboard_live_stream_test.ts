// The page's stream by itself, with an EventSource and timers that the tests move: when it is opened and closed, what it does
// with changes of what it does not have, and when whoever follows has to ask.
import { assert, assertEquals } from "@std/assert";
import type { LivePanel } from "../../src/http/dashboard/protocol.ts";
import { LiveStream } from "../../src/http/dashboard/page/live_stream.ts";

/** Timers that go off when a test says so. */
class Timers {
  #now = 0;
  #last = 0;
  readonly #set = new Map<number, { readonly at: number; readonly run: () => void }>();

  readonly setTimeout = (run: () => void, ms = 0): number => {
    this.#set.set(++this.#last, { at: this.#now + ms, run });
    return this.#last;
  };

  readonly clearTimeout = (timer: number | undefined): void => {
    this.#set.delete(timer ?? 0);
  };

  /** Lets so many milliseconds go by, and what waits for the end of a task come. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#set].filter(([, { at }]) => at <= end).sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
      if (due === undefined) break;
      const [timer, { at, run }] = due;
      this.#set.delete(timer);
      this.#now = at;
      run();
    }
    this.#now = end;
    await Promise.resolve();
  }
}

/** A stream of the server as the browser has it, of which a test says what comes. */
class FakeEventSource extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSED = 2;
  static all: FakeEventSource[] = [];
  readonly query: URLSearchParams;
  readyState = FakeEventSource.CONNECTING;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;

  constructor(address: string) {
    super();
    this.query = new URL(address, "http://localhost").searchParams;
    FakeEventSource.all.push(this);
  }

  begin(): void {
    this.readyState = FakeEventSource.OPEN;
    this.onopen?.();
  }

  /** The connection is gone; a browser asks for it again by itself, except after an answer that is no stream. */
  break(isForGood: boolean): void {
    this.readyState = isForGood ? FakeEventSource.CLOSED : FakeEventSource.CONNECTING;
    this.onerror?.();
  }

  say(name: string, id: string, data: unknown): void {
    this.dispatchEvent(new MessageEvent(name, { lastEventId: id, data: JSON.stringify(data) }));
  }

  close(): void {
    this.readyState = FakeEventSource.CLOSED;
  }
}

const answer = (data: unknown): LivePanel => ({ answer: { data, asked_at: "2026-01-15T18:30:00Z", took_ms: 1 } });

const PLAN = { topics: ["status"], everyS: 0, isOpen: true };
const HIDDEN = { ...PLAN, isOpen: false };

/** A stream, and what it told. */
class Page implements Disposable {
  readonly timers = new Timers();
  readonly states: string[] = [];
  readonly news: unknown[] = [];
  failures = 0;
  readonly stream: LiveStream;
  readonly #real = { EventSource, setTimeout, clearTimeout };

  constructor(soon?: (tell: () => void) => () => void) {
    FakeEventSource.all = [];
    const { setTimeout, clearTimeout } = this.timers;
    Object.assign(globalThis, { EventSource: FakeEventSource, setTimeout, clearTimeout });
    const onNews = (topic: string, data: unknown) => this.news.push([topic, data]);
    this.stream = new LiveStream((state) => this.states.push(state), onNews, soon);
    this.stream.onFailure = () => this.failures++;
  }

  /** Follows a panel; `told` is what the follower was told. */
  follow(ask: string) {
    const told: LivePanel[] = [];
    return { told, end: this.stream.follow(ask, (panel) => told.push(panel)) };
  }

  get opened(): readonly FakeEventSource[] {
    return FakeEventSource.all;
  }

  get source(): FakeEventSource {
    return FakeEventSource.all.at(-1)!;
  }

  /** How many streams are not closed. */
  get open(): number {
    return FakeEventSource.all.filter(({ readyState }) => readyState !== FakeEventSource.CLOSED).length;
  }

  [Symbol.dispose](): void {
    this.stream.close();
    Object.assign(globalThis, this.#real);
  }
}

/** A page whose stream has begun, with the panels that it follows. */
async function begun(...asks: readonly string[]) {
  const page = new Page();
  page.stream.plan = PLAN;
  const panels = asks.map((ask) => page.follow(ask));
  await page.timers.pass(0);
  page.source.begin();
  return { page, panels, [Symbol.dispose]: () => page[Symbol.dispose]() };
}

Deno.test("all panels of a page come by one stream, which is opened once", async () => {
  using made = await begun("trains/kpis", "trains/timeline?range=6h", "trains/kpis");
  const { page, panels } = made;
  assertEquals(page.opened.length, 1);
  assertEquals([...page.source.query], [
    ["topic", "status"],
    ["ask", "trains/kpis"],
    ["ask", "trains/timeline?range=6h"],
    ["every", "0"],
  ]);
  assertEquals(page.states, ["connecting", "live"]);
  page.source.say("ask-0", "g-1", { is: answer(1) });
  page.source.say("ask-1", "g-1", { is: answer(2) });
  page.source.say("status", "g-1", { is: "well" });
  assertEquals(panels.map(({ told }) => told), [[answer(1)], [answer(2)], [answer(1)]]);
  assertEquals(page.news, [["status", "well"]]);
  assert(page.stream.carries("trains/kpis") && !page.stream.carries("trains/heat"));
  // Whoever comes later is told what is here.
  assertEquals(page.follow("trains/kpis").told, [answer(1)]);
  await page.timers.pass(1_000);
  assertEquals(page.opened.length, 1);
});

Deno.test("what is told a little later is told as it is then, and when the stream breaks off or is closed at the latest", async () => {
  let [asked, tell] = [0, () => {}];
  using page = new Page((given) => {
    tell = given;
    return () => asked++;
  });
  const { told } = page.follow("trains/kpis");
  page.stream.plan = PLAN;
  await page.timers.pass(0);
  page.source.begin();
  // Somebody waits for the first.
  page.source.say("ask-0", "g-1", { is: answer(1) });
  assertEquals([asked, told], [0, [answer(1)]]);
  for (let n = 2; n <= 4; n++) page.source.say("ask-0", `g-${n}`, { is: answer(n) });
  assertEquals([asked, told.length], [3, 1]);
  tell();
  tell();
  assertEquals(told, [answer(1), answer(4)]);
  page.source.say("ask-0", "g-5", { is: answer(5) });
  page.source.break(false);
  assertEquals([told.at(-1), page.failures], [answer(5), 1]);
  page.source.begin();
  page.source.say("ask-0", "g-6", { is: answer(6) });
  page.stream.plan = HIDDEN;
  await page.timers.pass(0);
  assertEquals(told.at(-1), answer(6));
});

Deno.test("with another panel the stream is opened anew, and says what is here already", async () => {
  using made = await begun("trains/kpis");
  const { page } = made;
  page.source.say("ask-0", "g-7", { is: answer(1) });
  page.follow("trains/heat");
  await page.timers.pass(0);
  assertEquals([page.opened.length, page.open], [2, 1]);
  assertEquals(page.source.query.getAll("ask"), ["trains/kpis", "trains/heat"]);
  // One each for the topic and the panels.
  assertEquals(page.source.query.get("have"), ",g-7,");
  assertEquals(page.failures, 0);
});

Deno.test("a panel that nobody follows any more leaves the stream a while later, and not if it is followed again", async () => {
  using made = await begun("trains/kpis", "trains/heat");
  const { page, panels } = made;
  panels[1]!.end();
  await page.timers.pass(2_000);
  const again = page.follow("trains/heat");
  await page.timers.pass(5_000);
  assertEquals(page.opened.length, 1);
  again.end();
  await page.timers.pass(5_000);
  assertEquals(page.opened.length, 2);
  assertEquals(page.source.query.getAll("ask"), ["trains/kpis"]);
});

Deno.test("a page that is hidden closes its stream, opens none, and goes on with what it has when it is seen", async () => {
  using made = await begun("trains/kpis");
  const { page, panels } = made;
  page.source.say("ask-0", "g-3", { is: answer(1) });
  page.stream.plan = HIDDEN;
  await page.timers.pass(0);
  assertEquals([page.open, page.states.at(-1)], [0, "paused"]);
  assert(!page.stream.carries("trains/kpis"));
  await page.timers.pass(60_000);
  assertEquals([page.opened.length, page.failures], [1, 0]);
  page.stream.plan = PLAN;
  await page.timers.pass(0);
  assertEquals([page.opened.length, page.open], [2, 1]);
  assertEquals(page.source.query.get("have"), ",g-3");
  page.source.say("ask-0", "g-4", { from: 3, delta: { in: { answer: { in: { data: { set: 2 } } } } } });
  assertEquals(panels[0]!.told.at(-1), answer(2));
});

Deno.test("what was to come by a stream that is closed is asked for", async () => {
  using made = await begun("trains/kpis");
  const { page } = made;
  page.stream.plan = HIDDEN;
  await page.timers.pass(0);
  assertEquals(page.failures, 1);
});

Deno.test("a change of what is here makes the next, and a change of anything else has all of it asked for", async () => {
  for (const [id, from] of [["g-9", 8], ["h-6", 5]] as const) {
    using made = await begun("trains/kpis", "trains/heat");
    const { page, panels } = made;
    page.source.say("ask-0", "g-5", { is: answer(1) });
    page.source.say("ask-1", "g-5", { is: answer(1) });
    page.source.say("ask-1", "g-6", { from: 5, delta: { in: { answer: { in: { data: { set: 2 } } } } } });
    assertEquals(panels[1]!.told, [answer(1), answer(2)]);
    // Of another state of it, or of another process of the server.
    page.source.say("ask-0", id, { from, delta: { in: { answer: { in: { data: { set: 3 } } } } } });
    assertEquals(panels[0]!.told, [answer(1)]);
    assertEquals([page.opened.length, page.open], [2, 1]);
    assertEquals(page.source.query.get("have"), ",,g-6");
    page.source.begin();
    page.source.say("ask-0", "h-1", { is: answer(4) });
    assertEquals(panels[0]!.told, [answer(1), answer(4)]);
    assertEquals(page.failures, 0);
  }
});

Deno.test("a stream that says nothing for 20 s is given up: whoever follows asks, and it is opened anew", async () => {
  using made = await begun("trains/kpis");
  const { page } = made;
  await page.timers.pass(19_000);
  page.source.say("status", "g-1", { is: "well" });
  await page.timers.pass(19_000);
  assertEquals([page.opened.length, page.failures], [1, 0]);
  await page.timers.pass(1_000);
  assertEquals([page.opened.length, page.open, page.failures], [2, 1, 1]);
  assertEquals(page.states.at(-1), "connecting");
  assert(!page.stream.carries("trains/kpis"));
});

Deno.test("a stream that does not begin within 4 s has failed, once, and tells what is here when it does begin", async () => {
  using made = await begun("trains/kpis");
  const { page, panels } = made;
  page.source.say("ask-0", "g-1", { is: answer(1) });
  page.follow("trains/heat");
  await page.timers.pass(3_999);
  assertEquals(page.failures, 0);
  await page.timers.pass(1);
  assertEquals(page.failures, 1);
  page.source.break(false);
  await page.timers.pass(60_000);
  assertEquals([page.opened.length, page.failures], [2, 1]);
  page.source.begin();
  assertEquals([page.states.at(-1), page.stream.carries("trains/kpis")], ["live", true]);
  // It has not changed, so it is not sent again; who has asked in vain meanwhile knows it by this.
  assertEquals(panels[0]!.told, [answer(1), answer(1)]);
});

Deno.test("a stream that is refused is asked for again after 5 s, and one that breaks off is left to the browser", async () => {
  using made = await begun("trains/kpis");
  const { page } = made;
  page.source.break(false);
  await page.timers.pass(5_000);
  assertEquals([page.opened.length, page.failures], [1, 1]);
  page.source.begin();
  page.source.break(true);
  await page.timers.pass(4_999);
  assertEquals([page.opened.length, page.failures], [1, 2]);
  await page.timers.pass(1);
  assertEquals([page.opened.length, page.open], [2, 1]);
  page.source.begin();
  assertEquals(page.states.at(-1), "live");
});

Deno.test("more panels than the server takes are not waited for", async () => {
  using made = await begun(...Array.from({ length: 31 }, (_, i) => `trains/one?id=${i}`));
  const { page } = made;
  assertEquals(page.source.query.getAll("ask").length, 30);
  assert(page.stream.carries("trains/one?id=29") && !page.stream.carries("trains/one?id=30"));
});
