// The Schema Registry's client: what it asks, what it remembers, and what it makes of every kind of answer.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { SchemaRegistryRefusedError, SchemaRegistryUnavailableError } from "../../src/errors.ts";
import { SchemaRegistry, type SchemaRegistrySettings } from "../../src/log/schema_registry.ts";
import { StandInRegistry } from "../support/registry/stand_in.ts";

interface Scene extends AsyncDisposable {
  readonly server: StandInRegistry;
  readonly registry: SchemaRegistry;
}

function scene(settings: Partial<SchemaRegistrySettings> = {}): Scene {
  const server = StandInRegistry.start();
  const registry = new SchemaRegistry({ url: server.url, timeoutMs: 2_000, ...settings });
  return {
    server,
    registry,
    async [Symbol.asyncDispose]() {
      registry.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a schema is asked for once, by id and by GUID, and its type is known from then on, also when the registry is away", async () => {
  await using place = scene();
  const { server, registry } = place;
  const [json, avro] = [server.add("JSON"), server.add(undefined)];
  const guid = server.guidOf(json);
  await Promise.all([registry.learn([json, avro, guid]), registry.learn([json])]);
  assertEquals([json, avro, guid].map((schema) => registry.of(schema)?.type), ["JSON", "AVRO", "JSON"]);
  assertEquals(server.requests.toSorted(), [
    `GET /schemas/guids/${guid}`,
    `GET /schemas/ids/${json}`,
    `GET /schemas/ids/${avro}`,
  ]);
  server.status = 503;
  await registry.learn([json, avro, guid]);
  await assertRejects(() => registry.learn([99]), SchemaRegistryUnavailableError);
  assertEquals(registry.of(json)?.type, "JSON");
});

Deno.test("what one replica does not know is asked for once more", async () => {
  await using place = scene();
  const id = place.server.add("JSON");
  place.server.behind = 1;
  await place.registry.learn([id]);
  assertEquals([place.registry.of(id)?.type, place.server.requests.length], ["JSON", 2]);
});

Deno.test("an unknown schema is asked for again only after a minute", async () => {
  let now = 0;
  await using place = scene({ now: () => now });
  const { server, registry } = place;
  await registry.learn([1]);
  assertEquals([registry.of(1)?.type, registry.mustAsk(1), server.requests.length], [undefined, false, 2]);
  await registry.learn([1]);
  assertEquals(server.requests.length, 2);
  server.add("JSON");
  now = 60_001;
  await registry.learn([1]);
  assertEquals([registry.of(1)?.type, server.requests.length], ["JSON", 3]);
});

Deno.test("a schema is registered once, under its subject, and found again by the next process", async () => {
  await using place = scene();
  const { server, registry } = place;
  const schema = '{"type":"object"}';
  const ids = await Promise.all([registry.idOf("events-value", schema), registry.idOf("events-value", schema)]);
  assertEquals([ids, server.schemaOf(ids[0]), registry.of(ids[0])?.type], [[1, 1], schema, "JSON"]);
  assertEquals(server.requests, ["POST /subjects/events-value", "POST /subjects/events-value/versions"]);
  const next = new SchemaRegistry({ url: `${server.url}/` });
  assertEquals(await next.idOf("events-value", schema), 1);
  assertEquals(server.requests.length, 3, "a login that may only read must do for a schema that is there");
  next.close();
});

Deno.test("a subject's name is one part of the path", async () => {
  await using place = scene();
  assertEquals(await place.registry.idOf("a/b ?-value", "{}"), 1);
  assertEquals(place.server.requests[1], "POST /subjects/a%2Fb%20%3F-value/versions");
});

const LOGINS: readonly (readonly [string, SchemaRegistrySettings["login"], string])[] = [
  ["basic", { kind: "basic", user: "KEY", password: "sécret" }, "Basic S0VZOnPDqWNyZXQ="],
  ["bearer", { kind: "bearer", token: "t0ken" }, "Bearer t0ken"],
];
for (const [kind, login, header] of LOGINS) {
  Deno.test(`the ${kind} login is sent, and a refused one is an error that names the settings and no secret`, async () => {
    await using place = scene({ login });
    const { server, registry } = place;
    server.add("JSON");
    server.authorization = "Basic other";
    const refusal = await assertRejects(
      () => registry.learn([1]),
      SchemaRegistryRefusedError,
      "SCHEMA_REGISTRY_API_KEY",
    );
    await assertRejects(() => registry.idOf("s", "{}"), SchemaRegistryRefusedError, 'may register "s"');
    assert(!/sécret|t0ken|S0VZ/.test(refusal.message));
    server.authorization = header;
    await registry.learn([1]);
    assertEquals(registry.of(1)?.type, "JSON");
  });
}

for (const status of [408, 429, 500, 502, 503]) {
  Deno.test(`an answer ${status} is tried three times and then is an error that may pass`, async () => {
    await using place = scene();
    place.server.status = status;
    const error = await assertRejects(
      () => place.registry.idOf("s", "{}"),
      SchemaRegistryUnavailableError,
      `${status}`,
    );
    assertEquals([error.retriable, place.server.requests.length], [true, 3]);
    place.server.status = undefined;
    assertEquals(await place.registry.idOf("s", "{}"), 1, "a failure must not be remembered");
  });
}

for (const status of [400, 404, 405, 418]) {
  Deno.test(`an answer ${status} that is none of the API's names the setting, and no schema becomes unknown by it`, async () => {
    await using place = scene();
    place.server.status = status;
    const error = await assertRejects(
      () => place.registry.learn([1]),
      SchemaRegistryRefusedError,
      "SCHEMA_REGISTRY_URL",
    );
    assertEquals([error.retriable, place.registry.mustAsk(1), place.server.requests.length], [false, true, 1]);
  });
}

Deno.test("an answer 200 that is no JSON is that of another server", async () => {
  const login = () => Promise.resolve(new Response("<html>Please log in</html>"));
  const registry = new SchemaRegistry({ url: "http://registry.example", fetch: login as typeof fetch });
  await assertRejects(() => registry.learn([1]), SchemaRegistryRefusedError, "SCHEMA_REGISTRY_URL");
  await assertRejects(() => registry.idOf("s", "{}"), SchemaRegistryRefusedError, "SCHEMA_REGISTRY_URL");
});

const REGISTRATION = { autoRegister: true, useLatest: false, isLatestStrict: true, normalize: false };
const OTHERS = '{"type":"object","title":"Theirs"}';

/** Settings, what the subject has, and what a refusal says. */
const refusals: readonly (readonly [Partial<typeof REGISTRATION>, string | undefined, readonly string[]])[] = [
  [{}, "JSON", [
    'has another schema under "events-value" (version 1, id 1), and its compatibility BACKWARD refuses',
    "incompatible: /page",
    "SCHEMA_REGISTRY_USE_LATEST_VERSION=true and SCHEMA_REGISTRY_LATEST_COMPATIBILITY_STRICT=false",
  ]],
  [{ autoRegister: false }, "JSON", ["SCHEMA_REGISTRY_AUTO_REGISTER_SCHEMAS is false", "events-value"]],
  [{ autoRegister: false }, undefined, ["SCHEMA_REGISTRY_AUTO_REGISTER_SCHEMAS is false"]],
  [{ useLatest: true }, "JSON", ["incompatible with version 1", "differs: /page", "_COMPATIBILITY_STRICT=false"]],
  [{ useLatest: true }, undefined, ["no schema", "SCHEMA_REGISTRY_AUTO_REGISTER_SCHEMAS=true"]],
  [{ useLatest: true, isLatestStrict: false }, "AVRO", ["of type AVRO", "version 1"]],
];

for (const [settings, type, says] of refusals) {
  Deno.test(`a subject with ${type ?? "no"} schema and ${JSON.stringify(settings)} is an error that names the setting`, async () => {
    await using place = scene({ registration: { ...REGISTRATION, ...settings }, now: () => 0 });
    const { server, registry } = place;
    if (type !== undefined) server.add(type, { schema: OTHERS, subject: "events-value" });
    server.refusesSchemas = 409;
    server.isCompatible = false;
    const error = await assertRejects(() => registry.idOf("events-value", "{}"), SchemaRegistryRefusedError);
    for (const part of says) assertStringIncludes(error.message, part);
    const asked = server.requests.length;
    await assertRejects(() => registry.idOf("events-value", "{}"), SchemaRegistryRefusedError);
    assertEquals(server.requests.length, asked, "each event that comes must not ask anew");
  });
}

Deno.test("what was refused is asked for again after some seconds", async () => {
  let now = 0;
  await using place = scene({ now: () => now });
  place.server.refusesSchemas = 409;
  await assertRejects(() => place.registry.idOf("s", "{}"), SchemaRegistryRefusedError);
  place.server.refusesSchemas = undefined;
  now = 5_000;
  assertEquals(await place.registry.idOf("s", "{}"), 1);
});

Deno.test("by the latest version records are written by the schema that is there, and none is registered", async () => {
  for (const isLatestStrict of [true, false]) {
    await using place = scene({
      registration: { ...REGISTRATION, autoRegister: false, useLatest: true, isLatestStrict },
    });
    const { server, registry } = place;
    server.add("JSON", { schema: "{}", subject: "s" });
    server.add("JSON", { schema: OTHERS, subject: "s" });
    assertEquals([await registry.idOf("s", '{"title":"Ours"}'), registry.of(2)?.type], [2, "JSON"]);
    assertEquals(server.requests, [
      "GET /subjects/s/versions/latest",
      ...(isLatestStrict ? ["POST /compatibility/subjects/s/versions/2?verbose=true"] : []),
    ]);
  }
});

Deno.test("schemas are brought into one form by the registry where that is set", async () => {
  await using place = scene({ registration: { ...REGISTRATION, normalize: true } });
  await place.registry.idOf("s", "{}");
  assertEquals(place.server.requests, ["POST /subjects/s?normalize=true", "POST /subjects/s/versions?normalize=true"]);
});

Deno.test("a schema that the registry finds invalid is an error that says why", async () => {
  await using place = scene();
  place.server.refusesSchemas = 422;
  const error = await assertRejects(() => place.registry.idOf("events-value", "{}"), SchemaRegistryRefusedError);
  for (const part of ["events-value", "422", "incompatible: /page"]) assertStringIncludes(error.message, part);
});

const INT_NODE = '{"type":"record","name":"Node","fields":[{"name":"v","type":"int"}]}';

Deno.test("a schema comes with all that it refers to, each asked for once", async () => {
  await using place = scene();
  const { server, registry } = place;
  server.add(undefined, { subject: "node", schema: INT_NODE });
  const node = { name: "Node", subject: "node", version: 1 };
  const pair = '{"type":"record","name":"Pair","fields":[{"name":"a","type":"Node"},{"name":"b","type":"Node"}]}';
  server.add("AVRO", { subject: "a/b", schema: pair, references: [node] });
  const both = '["Node","Pair"]';
  const references = [node, { name: "Pair", subject: "a/b", version: 1 }];
  const id = server.add("AVRO", { schema: both, references });
  await registry.learn([id]);
  assertEquals(registry.of(id)?.read?.(Uint8Array.of(2, 2, 4)), '{"a":{"v":1},"b":{"v":2}}');
  assertEquals(server.requests, [
    `GET /schemas/ids/${id}`,
    "GET /subjects/node/versions/1?deleted=true",
    "GET /subjects/a%2Fb/versions/1?deleted=true",
  ]);
});

Deno.test("a schema that refers to what the registry does not know, or to itself, says so", async () => {
  await using place = scene();
  const { server, registry } = place;
  const id = server.add("AVRO", { schema: '"Node"', references: [{ name: "Node", subject: "node", version: 1 }] });
  const circle = server.add("AVRO", { subject: "c", references: [{ name: "C", subject: "c", version: 1 }] });
  await registry.learn([id, circle]);
  assertEquals(
    registry.of(id)?.problem,
    'it refers to "Node", version 1 of "node", which the Schema Registry does not know',
  );
  assertStringIncludes(registry.of(circle)!.problem!, "refers back to it");
});

Deno.test("a registry that hangs or is away is an error in bounded time, and after many it is not asked for a while", async () => {
  await using place = scene({ timeoutMs: 30 });
  const { server, registry } = place;
  server.hangs = true;
  await assertRejects(() => registry.learn([1]), SchemaRegistryUnavailableError, "no answer within 30 ms");
  await assertRejects(() => registry.learn([1]), SchemaRegistryUnavailableError, "no answer within 30 ms");
  const asked = server.requests.length;
  await assertRejects(() => registry.learn([1]), SchemaRegistryUnavailableError, "has not answered lately");
  assertEquals([asked, server.requests.length], [6, 6]);
  const nobody = new SchemaRegistry({ url: `http://127.0.0.1:${freePort()}` });
  await assertRejects(() => nobody.learn([1]), SchemaRegistryUnavailableError);
});

Deno.test("closing ends what is under way", async () => {
  await using place = scene();
  place.server.hangs = true;
  const asked = assertRejects(() => place.registry.learn([1]), SchemaRegistryUnavailableError, "closed");
  place.registry.close();
  await asked;
});

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
