// Every way to get a body wrong that we know of: a 4xx that says what to do, and nothing in the log.
import { assert, assertEquals } from "@std/assert";
import { openBench, report } from "../support/http/ingest.ts";

const text = JSON.stringify(report());
const bytes = (...parts: readonly (string | readonly number[])[]) =>
  new Uint8Array(parts.flatMap((part) => typeof part === "string" ? [...new TextEncoder().encode(part)] : part));
const json = { "content-type": "application/json" };
/** The report's JSON with another value at a field, as text. */
const withRaw = (field: string, raw: string) =>
  JSON.stringify(report({ [field]: "\u0001" })).replace('"\\u0001"', () => raw);
const without = (field: string) => JSON.stringify(report({ [field]: undefined }));
const gzip = new Uint8Array(
  await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer(),
);

interface Case {
  readonly name: string;
  readonly body?: string | Uint8Array | FormData;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  readonly code: string;
  /** JSON Pointers that the errors name. */
  readonly pointers?: readonly string[];
}

const body = (name: string, body: string | Uint8Array): Case => ({ name, body, status: 400, code: "malformed_body" });
const field = (name: string, body: string, ...pointers: string[]): Case => ({
  name,
  body,
  status: 422,
  code: "invalid_event",
  pointers,
});
const type = (name: string, headers: Readonly<Record<string, string>>, body: Case["body"] = text): Case => ({
  name,
  body,
  headers,
  status: 415,
  code: "unsupported_media_type",
});

const CASES: readonly Case[] = [
  { name: "no body", status: 400, code: "malformed_body" },
  body("an empty body", ""),
  body("blanks", " \n\t "),
  body("text that is no JSON", "hello"),
  body("half of an event", text.slice(0, text.length / 2)),
  body("an event and a comma", `${text},`),
  body("two events", `${text}\n${text}`),
  body("single quotes", text.replaceAll('"', "'")),
  body("a comma after the last field", text.replace("}", ",}")),
  body("a comment", `/* a report */${text}`),
  body("NaN", withRaw("speed_kmh", "NaN")),
  body("Infinity", withRaw("speed_kmh", "-Infinity")),
  body("a hexadecimal number", withRaw("passenger_count", "0x10")),
  body("a number that begins with a zero", withRaw("passenger_count", "010")),
  body("a line break inside a text", withRaw("train_id", '"V1\n01"')),
  body("an escape that there is not", withRaw("train_id", '"V\\x31"')),
  body("a byte order mark", bytes([0xef, 0xbb, 0xbf], text)),
  body("UTF-16", new Uint8Array(new Uint16Array([...text].map((char) => char.charCodeAt(0))).buffer)),
  body("a byte that is no UTF-8", bytes('{"train_id":"', [0xff], '"}')),
  body("an overlong encoding", bytes('{"train_id":"', [0xc0, 0xaf], '"}')),
  body("half a surrogate pair as UTF-8", bytes('{"train_id":"', [0xed, 0xa0, 0x80], '"}')),
  body("a NUL byte", bytes(text, [0])),
  body("nesting 100,000 deep", "[".repeat(100_000) + "]".repeat(100_000)),
  body("nesting 501 deep in an unknown field", withRaw("more", "[".repeat(501) + "]".repeat(501))),
  body("gzip without saying so", gzip),
  type("gzip that says so", { ...json, "content-encoding": "gzip" }, gzip),
  type("no content type", {}, bytes(text)),
  type("plain text", { "content-type": "text/plain" }),
  type("a form", { "content-type": "application/x-www-form-urlencoded" }, "train_id=V101"),
  type("a form of several parts", {}, new FormData()),
  type("XML", { "content-type": "application/xml" }, "<report/>"),
  type("JSON in another encoding", { "content-type": "application/json; charset=iso-8859-1" }),
  type("a content type that is none", { "content-type": "json" }),
  type("a list of content types", { "content-type": "application/json, text/plain" }),
  {
    name: "a body over the limit",
    body: withRaw("more", `"${"x".repeat(1_000_000)}"`),
    status: 413,
    code: "body_too_large",
  },
  field("a name that is there twice", text.replace("{", '{"extra":[{"a":1,"\\u0061":2}],'), "/extra/0/a"),
  field("null", "null", ""),
  field("a number", "42", ""),
  field("a text", '"report"', ""),
  field("true", "true", ""),
  field("a list", "[]", ""),
  field("a list of events", `[${text}]`, ""),
  field(
    "an empty object",
    "{}",
    "/timestamp",
    "/train_id",
    "/passenger_count",
    "/total_weight_tons",
    "/power_draw_kw",
    "/speed_kmh",
    "/latitude",
    "/longitude",
  ),
  field("a field missing", without("train_id"), "/train_id"),
  field("a field that is null", withRaw("train_id", "null"), "/train_id"),
  field("an empty text", withRaw("train_id", '""'), "/train_id"),
  field("a text that is too long", withRaw("train_id", `"${"x".repeat(300)}"`), "/train_id"),
  field("half a surrogate pair as an escape", withRaw("train_id", '"\\ud800"'), ""),
  field("half a surrogate pair in an unknown field's name", text.replace("{", '{"\\udc00":1,'), ""),
  field("a number as text", withRaw("passenger_count", '"300"'), "/passenger_count"),
  field("a fraction where a whole number is meant", withRaw("passenger_count", "1.5"), "/passenger_count"),
  field("a negative count", withRaw("passenger_count", "-1"), "/passenger_count"),
  field("a number beyond what is exact", withRaw("passenger_count", "9007199254740993"), "/passenger_count"),
  field("a number beyond all", withRaw("speed_kmh", "1e400"), "/speed_kmh"),
  field("a place beyond the poles", withRaw("latitude", "91"), "/latitude"),
  field("an object for a text", withRaw("train_id", '{"toString":1}'), "/train_id"),
  field("fields of a prototype", '{"__proto__":{"train_id":"V101"},"constructor":1}', ...[
    "/timestamp",
    "/train_id",
    "/passenger_count",
    "/total_weight_tons",
    "/power_draw_kw",
    "/speed_kmh",
    "/latitude",
    "/longitude",
  ]),
  field("a time that is none", withRaw("timestamp", '"half past nine"'), "/timestamp"),
  field("a day that is none", withRaw("timestamp", '"2026-02-30T00:00:00Z"'), "/timestamp"),
  field("a time in the future", withRaw("timestamp", '"2999-01-01T00:00:00Z"'), "/timestamp"),
  field("a count beside a domain that generates nothing", '{"count":3}', ...[
    "/timestamp",
    "/train_id",
    "/passenger_count",
    "/total_weight_tons",
    "/power_draw_kw",
    "/speed_kmh",
    "/latitude",
    "/longitude",
  ]),
];

for (const { name, body, headers = body instanceof FormData ? {} : json, status, code, pointers } of CASES) {
  Deno.test(`a body of ${name} is answered ${status} ${code}, and nothing is published`, async () => {
    await using bench = await openBench();
    const response = await bench.post("/reports", { body: body as BodyInit, headers });
    const problem = await response.json();
    assertEquals([response.status, problem.code], [status, code], JSON.stringify(problem));
    assertEquals(response.headers.get("content-type"), "application/problem+json");
    assertEquals([problem.status, problem.type], [status, `/docs#${code}`]);
    assert(problem.detail.length > 10 && problem.detail.length < 500, problem.detail);
    if (pointers) {
      assertEquals(
        problem.errors.map(({ pointer }: { readonly pointer: string }) => pointer).toSorted(),
        [
          ...pointers,
        ].toSorted(),
      );
    }
    assertEquals(await bench.count(), 0);
  });
}

const COUNTS: readonly (readonly [body: string, pointer: string])[] = [
  ['{"count":0}', "/count"],
  ['{"count":-1}', "/count"],
  ['{"count":1001}', "/count"],
  ['{"count":1.5}', "/count"],
  ['{"count":"3"}', "/count"],
  ['{"count":null}', "/count"],
  ['{"count":1e400}', "/count"],
];

for (const [body, pointer] of COUNTS) {
  Deno.test(`where events are generated ${body} is refused`, async () => {
    await using bench = await openBench();
    const response = await bench.post("/generated", { body, headers: json });
    const problem = await response.json();
    assertEquals([response.status, problem.errors[0].pointer], [422, pointer]);
    assertEquals(await bench.count(), 0);
  });
}
