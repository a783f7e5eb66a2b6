// A subject that has another schema than Freshet's, in each compatibility mode of an independent registry, by each setting; and
// the real program, whose answer to an event says what to set.

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { SchemaRegistryRefusedError } from "../../src/errors.ts";
import { AS_CONFLUENT, type RegistrationSettings } from "../../src/log/schema_ids.ts";
import { SchemaRegistry } from "../../src/log/schema_registry.ts";
import { whyNoKafka } from "../support/kafka/jars.ts";
import { Apicurio } from "../support/registry/apicurio.ts";
import { FRESHET, runningOn } from "../support/shipped.ts";

const skip = await whyNoKafka();
if (skip !== undefined) console.info(`The tests of a registry's compatibility modes are skipped: ${skip}`);
const registry = skip === undefined ? await Apicurio.start() : undefined;
Deno.test.afterAll(async () => await registry?.[Symbol.asyncDispose]());

/** Another schema than Freshet's: neither reads what the other has written. */
const THEIRS = JSON.stringify({ type: "object", properties: { user_id: { type: "integer" } }, required: ["user_id"] });
const OURS = JSON.stringify({
  type: "object",
  properties: { user_id: { type: "string" } },
  required: ["user_id", "page"],
});
const LATEST = { ...AS_CONFLUENT, autoRegister: false, useLatest: true };

/** Puts JSON to the registry, or posts it; returns its answer. */
async function tell(method: "PUT" | "POST", path: string, body: unknown): Promise<{ readonly id?: number }> {
  const headers = { "content-type": "application/vnd.schemaregistry.v1+json" };
  const response = await fetch(registry!.url + path, { method, headers, body: JSON.stringify(body) });
  assertEquals(response.status, 200, await response.clone().text());
  return await response.json();
}

/** Registers their schema under a new subject; returns its id. */
async function subjectOf(mode: string, subject: string): Promise<number> {
  const { id } = await tell("POST", `/subjects/${subject}/versions`, { schemaType: "JSON", schema: THEIRS });
  await tell("PUT", `/config/${subject}`, { compatibility: mode });
  return id!;
}

async function idBy(registration: RegistrationSettings, subject: string): Promise<number> {
  const client = new SchemaRegistry({ url: registry!.url, registration });
  try {
    return await client.idOf(subject, OURS);
  } finally {
    client.close();
  }
}

const MODES = ["BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"];

for (const mode of MODES) {
  Deno.test({
    name: `${mode}: a subject with another schema is told with the settings that write by it`,
    ignore: skip !== undefined,
    async fn() {
      const subject = `${mode.toLowerCase()}-value`;
      const theirs = await subjectOf(mode, subject);
      const refused = await assertRejects(() => idBy(AS_CONFLUENT, subject), SchemaRegistryRefusedError);
      for (const part of [`(version 1, id ${theirs})`, `compatibility ${mode} refuses`, "_USE_LATEST_VERSION=true"]) {
        assertStringIncludes(refused.message, part);
      }
      const unregistered = { ...AS_CONFLUENT, autoRegister: false };
      await assertRejects(
        () => idBy(unregistered, subject),
        SchemaRegistryRefusedError,
        "_AUTO_REGISTER_SCHEMAS is false",
      );
      await assertRejects(() => idBy(LATEST, subject), SchemaRegistryRefusedError, "_COMPATIBILITY_STRICT=false");
      assertEquals(await idBy({ ...LATEST, isLatestStrict: false }, subject), theirs);
    },
  });
}

Deno.test({
  name: "NONE: a subject with another schema gets Freshet's as its next version, or is written by as it is",
  ignore: skip !== undefined,
  async fn() {
    const theirs = await subjectOf("NONE", "none-value");
    assertEquals(await idBy(LATEST, "none-value"), theirs);
    const ours = await idBy({ ...AS_CONFLUENT, normalize: true }, "none-value");
    assertEquals(ours === theirs, false);
    assertEquals([await idBy(LATEST, "none-value"), await idBy(AS_CONFLUENT, "none-value")], [ours, ours]);
  },
});

const BODY = '{"user_id":"u1","action":"click","page":"/","timestamp":"2026-11-20T09:30:00Z"}';

/** The real program: what it answers to an event. */
async function posted(settings: Record<string, string>): Promise<{ readonly status: number; readonly text: string }> {
  const dataDir = await Deno.makeTempDir();
  const env = { FRESHET_DATA_DIR: dataDir, FRESHET_API_PORT: "0", FRESHET_DASHBOARD_PORT: "0", ...settings };
  const args = [...FRESHET, "run", "actions", "--no-simulate"];
  const program = new Deno.Command(Deno.execPath(), { args, env, stdin: "null", stdout: "null", stderr: "null" })
    .spawn();
  try {
    const { url } = await runningOn(dataDir);
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${url}/events`, { method: "POST", headers, body: BODY });
    return { status: response.status, text: await response.text() };
  } finally {
    program.kill("SIGTERM");
    await program.status;
    await Deno.remove(dataDir, { recursive: true });
  }
}

Deno.test({
  name: "an event that the subject's other schema keeps out is answered with what to set, and set so it is published",
  ignore: skip !== undefined,
  async fn() {
    await subjectOf("BACKWARD", "events-value");
    const SCHEMA_REGISTRY_URL = registry!.url;
    const refused = await posted({ SCHEMA_REGISTRY_URL });
    assertEquals(refused.status, 503);
    assertStringIncludes(
      refused.text,
      "SCHEMA_REGISTRY_USE_LATEST_VERSION=true and SCHEMA_REGISTRY_LATEST_COMPATIBILITY_STRICT=false",
    );
    const published = await posted({
      SCHEMA_REGISTRY_URL,
      SCHEMA_REGISTRY_USE_LATEST_VERSION: "true",
      SCHEMA_REGISTRY_LATEST_COMPATIBILITY_STRICT: "false",
    });
    assertEquals(published.status, 200, published.text);
  },
});
