// The client of `simulate --http`: every record gets one answer that counts, and a server that asks for time gets it.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { UsageError } from "../../src/cli/context.ts";
import {
  HttpPoster,
  type PosterOptions,
  retryAfter,
  TargetUnavailableError,
  totalsLine,
} from "../../src/cli/http_poster.ts";
import { ManualClock } from "../support/manual_clock.ts";

interface Scene extends AsyncDisposable {
  readonly poster: HttpPoster;
  readonly clock: ManualClock;
  /** Bodies as they came. */
  readonly bodies: string[];
  readonly stop: AbortController;
}

type Answer = (body: string, nth: number, request: Request) => Response | Promise<Response>;

function scene(answer: Answer, options: Partial<PosterOptions> = {}): Scene {
  const bodies: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const body = await request.text();
    return await answer(body, bodies.push(body), request);
  });
  const clock = new ManualClock();
  const stop = new AbortController();
  const url = new URL(`http://127.0.0.1:${server.addr.port}/events`);
  const poster = new HttpPoster({ url, connections: 4, clock, signal: stop.signal, ...options });
  return { poster, clock, bodies, stop, [Symbol.asyncDispose]: () => server.shutdown() };
}

const status = (code: number, headers: Record<string, string> = {}) => new Response("{}", { status: code, headers });
const records = (count: number) => Array.from({ length: count }, (_, i) => ({ value: `{"n":${i}}` }));

/** Lets time pass until the promise has settled. */
async function passing<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  promise.finally(() => settled = true).catch(() => {});
  while (!settled) await clock.advance(1000);
  return await promise;
}

Deno.test("each record is posted once, as JSON, with the token", async () => {
  const headers = new Set<string>();
  await using place = scene((_, __, request) => {
    headers.add(`${request.method} ${request.headers.get("content-type")} ${request.headers.get("authorization")}`);
    return status(200);
  }, { token: "t0ken" });
  await place.poster.post(records(50));
  assertEquals(place.bodies.toSorted(), records(50).map(({ value }) => value).toSorted());
  assertEquals([...headers], ["POST application/json Bearer t0ken"]);
  const { latencyMs, ...totals } = place.poster.totals;
  assertEquals<unknown>(totals, { accepted: 50, refused: new Map(), uncertain: 0, deferred: 0 });
  assert(latencyMs.p50! > 0 && latencyMs.p99! >= latencyMs.p50!);
});

Deno.test("no more are under way than there are connections", async () => {
  let [underWay, most] = [0, 0];
  await using place = scene(async () => {
    most = Math.max(most, ++underWay);
    await new Promise((resolve) => setTimeout(resolve, 1));
    underWay--;
    return status(200);
  }, { connections: 3 });
  await place.poster.post(records(40));
  assertEquals(most, 3);
});

Deno.test("what is refused is counted by status and not sent again, an answer 5xx leaves it open", async () => {
  const codes = [422, 400, 422, 504, 500, 413, 200];
  await using place = scene((body) => status(codes[JSON.parse(body).n]!));
  await place.poster.post(records(codes.length));
  const { accepted, refused, uncertain } = place.poster.totals;
  assertEquals(place.bodies.length, codes.length);
  assertEquals([accepted, uncertain, [...refused].toSorted(([a], [b]) => a - b)], [1, 2, [[400, 1], [413, 1], [
    422,
    2,
  ]]]);
});

for (const code of [429, 503]) {
  Deno.test(`after ${code} nothing is sent until Retry-After has passed, and then every record arrives`, async () => {
    await using place = scene((_, nth) => nth <= 2 ? status(code, { "retry-after": "7" }) : status(200), {
      connections: 2,
    });
    const posting = place.poster.post(records(10));
    while (place.poster.totals.deferred < 2) await place.clock.advance(0);
    await place.clock.advance(6_999);
    assertEquals(place.bodies.length, 2);
    await place.clock.advance(1);
    await passing(place.clock, posting);
    assertEquals([place.poster.totals.accepted, place.bodies.length], [10, 12]);
    assertEquals(new Set(place.bodies).size, 10);
  });
}

Deno.test("a server that goes away in mid-answer is asked again, later", async () => {
  let broken = 2;
  await using place = scene(() => status(200), {
    fetch: ((...given: Parameters<typeof fetch>) =>
      broken-- > 0 ? Promise.reject(new TypeError("connection reset")) : fetch(...given)) as typeof fetch,
  });
  await passing(place.clock, place.poster.post(records(5)));
  assertEquals([place.poster.totals.accepted, place.bodies.length], [5, 5]);
});

Deno.test("when nothing is taken for good it is an error that says why", async () => {
  await using place = scene(() => status(503));
  const posting = assertRejects(
    () => place.poster.post(records(3)),
    TargetUnavailableError,
    "20 tries: it answered 503",
  );
  await passing(place.clock, posting);
  const nobody = scene(() => status(200));
  await nobody[Symbol.asyncDispose]();
  const vain = assertRejects(() => nobody.poster.post(records(1)), TargetUnavailableError, "20 tries");
  await passing(nobody.clock, vain);
});

for (const code of [401, 403, 404, 405, 421]) {
  Deno.test(`an answer ${code} ends it: another record would get the same`, async () => {
    await using place = scene(() => status(code));
    await assertRejects(() => place.poster.post(records(100)), UsageError, `answered ${code}`);
    assert(place.bodies.length <= 8, `${place.bodies.length}`);
  });
}

Deno.test("a stop ends the waiting, and what was not sent is not counted", async () => {
  await using place = scene(() => status(429, { "retry-after": "30" }));
  const posting = place.poster.post(records(10));
  while (place.poster.totals.deferred < 4) await place.clock.advance(0);
  place.stop.abort();
  await posting;
  assertEquals(place.poster.totals.accepted, 0);
});

const RETRY_AFTER: readonly (readonly [string | null, number | undefined])[] = [
  [null, undefined],
  ["3", 3000],
  ["0", 0],
  ["soon", undefined],
  ["Thu, 01 Jan 1970 00:00:12 GMT", 2000],
  ["Thu, 01 Jan 1970 00:00:01 GMT", 0],
  ["999999", 60_000],
];
for (const [header, expected] of RETRY_AFTER) {
  Deno.test(`Retry-After ${header} is ${expected} ms at ten seconds past the epoch`, () => {
    assertEquals(retryAfter(header, 10_000), expected);
  });
}

Deno.test("the totals are one line", () => {
  const refused = new Map([[422, 8], [400, 1200]]);
  const line = totalsLine({ accepted: 99, refused, uncertain: 1, deferred: 3, latencyMs: { p50: 1.25, p99: 10 } });
  assertEquals(
    line,
    "99 accepted, 1,208 refused (400: 1,200, 422: 8), 1 without a clear answer, 3 answers 429 or 503, sent again later, " +
      "p50 1.3 ms, p99 10.0 ms",
  );
});
