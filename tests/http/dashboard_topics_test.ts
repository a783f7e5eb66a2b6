import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { republishOne } from "../../src/engine/republish.ts";
import { topicSource } from "../../src/engine/topic_reader.ts";
import { createDashboard, type DashboardOptions } from "../../src/http/dashboard/mod.ts";
import { type EmbeddedLog, openEmbeddedLog } from "../../src/log/embedded.ts";
import { DUCKDB } from "../../src/warehouse/duckdb/traits.ts";
import { openDuckDb } from "../../src/warehouse/duckdb.ts";
import { domainOf } from "../support/domains.ts";
import { noNotes } from "../support/notes.ts";
import { systemClock } from "../../src/clock.ts";

const TOPIC = "ats_telemetry";
const nothing = { columns: [], rows: [], truncated: false };

interface Site {
  readonly log: EmbeddedLog;
  get(path: string): Promise<Response>;
  post(
    body: object,
    headers?: Readonly<Record<string, string>>,
  ): Promise<{ status: number; body: Record<string, unknown> }>;
}

/** A dashboard over a real log with one topic of two partitions, and a table of dead letters with three of them. */
async function withSite(body: (site: Site) => Promise<void>, over: Partial<DashboardOptions> = {}): Promise<void> {
  const dataDir = await Deno.makeTempDir();
  try {
    await using log = await openEmbeddedLog({ dataDir });
    await using warehouse = await openDuckDb({ path: ":memory:" });
    const freshet = await Deno.readTextFile(new URL("../../sql/freshet.sql", import.meta.url));
    const letter = (offset: number, value: string, encoding: string) =>
      `('trains', '${TOPIC}', 0, ${offset}, 'k', '${value}', '${encoding}', 'utf-8', '[["h", "1"]]', 'validate', 'missing_field', 'd', '2026-01-01 00:00:00')`;
    await warehouse.migrate([{ name: "freshet", text: freshet }, {
      name: "letters",
      text: `-- version 1: dead letters
        INSERT INTO DEAD_LETTERS (DOMAIN, TOPIC, KAFKA_PARTITION, KAFKA_OFFSET, RECORD_KEY, RECORD_VALUE, ENCODING,
          KEY_ENCODING, RECORD_HEADERS, STAGE, REASON, DETAIL, SEEN_AT)
        VALUES ${
        [letter(1, '{"a": 1}', "utf-8"), letter(2, "/v8=", "base64"), letter(3, "x", "utf-8, cut")].join(", ")
      }`,
    }]);
    await log.createTopics([{ topic: TOPIC, partitions: 2 }]);
    const { app, live } = createDashboard({
      hostname: "127.0.0.1",
      port: 0,
      tokens: { api: undefined, run: undefined },
      rateLimit: Infinity,
      version: "1",
      log: "the log",
      warehouse: { ...DUCKDB, description: "the file" },
      domains: [domainOf("trains")],
      names: ["trains"],
      statuses: () => [],
      clock: systemClock,
      query: () => Promise.resolve(nothing),
      usersQuery: () => Promise.resolve(nothing),
      notes: noNotes,
      checkpointsOf: () => ({ checkpoints: 0, ms: 0, rows: 0 }),
      topics: topicSource({ log, clock: systemClock }),
      republish: (request) => republishOne(request, { log, warehouse }),
      settings: {},
      ...over,
    });
    using _live = live;
    const base = "http://127.0.0.1:8501";
    const host = { host: "127.0.0.1:8501" };
    await body({
      log,
      get: async (path) => await app.request(base + path, { headers: host }),
      async post(body, headers = {}) {
        const response = await app.request(`${base}/api/dead-letters/republish`, {
          method: "POST",
          headers: { ...host, "content-type": "application/json", ...headers },
          body: JSON.stringify(body),
        });
        return { status: response.status, body: await response.json() };
      },
    });
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

interface Line {
  readonly records: readonly {
    readonly partition: number;
    readonly offset: number;
    readonly [name: string]: unknown;
  }[];
  readonly left_out: number;
}

async function recordsOf(response: Response): Promise<Line["records"]> {
  assertEquals(response.status, 200);
  const lines = (await response.text()).split("\n").filter((line) => line !== "");
  return lines.flatMap((line) => (JSON.parse(line) as Line).records);
}

const PATH = `/api/topics/${TOPIC}/records`;

Deno.test("records are told with place, key, headers, bytes and what they say", async () => {
  await withSite(async ({ log, get }) => {
    const schema = new Uint8Array([0, 0, 0, 0, 7, ...new TextEncoder().encode('{"b":2}')]);
    await log.produce(TOPIC, [
      { key: "one", value: '{"a": 1}', partition: 0, headers: { source: "test" }, timestamp: 1_000 },
      { key: null, value: new Uint8Array([0xff, 0xfe]), partition: 1, timestamp: 2_000 },
      { key: "two", value: schema, partition: 1, timestamp: 3_000 },
      { key: "two", value: null, partition: 0, timestamp: 4_000 },
    ]);
    const [plain, bytes, framed, tombstone] = await recordsOf(await get(PATH));
    assertEquals([plain!.partition, plain!.offset, plain!.key, plain!.raw], [0, 0, "one", '{"a": 1}']);
    assertEquals([plain!.decoded, plain!.headers, plain!.problem], [null, { source: "test" }, undefined]);
    assertEquals([bytes!.raw, bytes!.encoding, bytes!.length], ["//4=", "base64", 2]);
    assertStringIncludes(String(bytes!.problem), "not");
    assertEquals([framed!.decoded, framed!.schema, framed!.length], ['{"b":2}', 7, 12]);
    assertEquals([tombstone!.raw, tombstone!.offset], [null, 1]);
    const places = async (query: string) =>
      (await recordsOf(await get(`${PATH}?${query}`))).map(({ partition, offset }) => `${partition}:${offset}`);
    assertEquals(await places("last=2"), ["1:1", "0:1"]);
    assertEquals(await places("partition=1"), ["1:0", "1:1"]);
    assertEquals(await places("partition=0&from=1"), ["0:1"]);
    assertEquals(await places("key=two"), ["1:1", "0:1"]);
    assertEquals(await places("from=0&last=1&partition=0"), ["0:0"]);
    const { data } = await (await get("/api/topics")).json();
    assertEquals(data, [{ topic: TOPIC, domain: "trains", partitions: [{ low: 0, high: 2 }, { low: 0, high: 2 }] }]);
  });
});

Deno.test("what comes is followed, and giving up ends the reading and its place", async () => {
  await withSite(async ({ log, get }) => {
    await log.produce(TOPIC, [{ key: "a", value: "{}", partition: 0 }]);
    for (let again = 0; again < 4; again++) {
      const response = await get(`${PATH}?follow=1&last=1`);
      assertEquals(response.status, 200);
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      const wanted = `"key":"come ${again}"`;
      let text = "";
      for (let sent = false; !text.includes(wanted);) {
        text += (await reader.read()).value;
        if (!sent && text.includes('"offset"')) {
          sent = true;
          await log.produce(TOPIC, [{ key: `come ${again}`, value: "{}", partition: 1 }]);
        }
      }
      // A place is free again each time: there are three for one address.
      await reader.cancel();
    }
    const open = await Promise.all([1, 2, 3].map(() => get(`${PATH}?follow=1`)));
    const refused = await get(`${PATH}?follow=1`);
    assertEquals([open.map(({ status }) => status), refused.status], [[200, 200, 200], 503]);
    assertEquals([(await refused.json()).code, refused.headers.get("retry-after")], ["too_many_looks", "5"]);
    for (const one of open) await one.body!.cancel();
  });
});

Deno.test("whoever has gone leaves no member of a group behind, which the log would keep everything for", async () => {
  await withSite(async ({ log, get }) => {
    await log.produce(TOPIC, [{ key: "a", value: "{}", partition: 0 }]);
    const members = () => log.file.all("SELECT group_name FROM members");
    const response = await get(`${PATH}?follow=1&last=1`);
    const reader = response.body!.getReader();
    await reader.read();
    assertEquals(members().length, 1);
    await reader.cancel();
    for (const giveUpAt = Date.now() + 10_000; members().length > 0;) {
      assert(Date.now() < giveUpAt, JSON.stringify(members()));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
});

Deno.test("topics of others, and questions that are none, are refused", async () => {
  await withSite(async ({ get }) => {
    const statusOf = async (path: string) => {
      const response = await get(path);
      await response.body?.cancel();
      return response.status;
    };
    assertEquals(await statusOf("/api/topics/secrets/records"), 404);
    for (const query of ["last=0", "last=201", "partition=-1", "from=1.5", "follow=yes"]) {
      assertEquals([await statusOf(`${PATH}?${query}`), query], [400, query]);
    }
  });
});

Deno.test("a dead letter goes to its topic again, as it was or mended, with key and headers and where it was", async () => {
  await withSite(async ({ log, get, post }) => {
    const at = { topic: TOPIC, partition: 0 };
    const same = await post({ ...at, offset: 1 });
    assertEquals(same.status, 200);
    assertEquals((await post({ ...at, offset: 2 })).status, 200);
    const mended = await post({ ...at, offset: 1, value: '{"a": 2}' });
    assertEquals(mended.status, 200);
    const cut = await post({ ...at, offset: 3 });
    assertEquals([cut.status, cut.body.code], [409, "republish_refused"]);
    const none = await post({ ...at, offset: 99 });
    assertEquals([none.status, none.body.detail], [409, `There is no dead letter of ${TOPIC}, partition 0, offset 99`]);
    assertEquals((await post({ ...at, topic: "secrets", offset: 1 })).status, 404);
    assertEquals((await post({ ...at })).status, 400);
    const records = await recordsOf(await get(PATH));
    assertEquals(
      records.map(({ key, raw, encoding, headers }) => ({ key, raw, encoding, headers })).toSorted((a, b) =>
        String(a.raw) < String(b.raw) ? -1 : 1
      ),
      [
        { key: "k", raw: "/v8=", encoding: "base64", headers: { h: "1", "freshet.republished.from": "0/2" } },
        { key: "k", raw: '{"a": 1}', encoding: "utf-8", headers: { h: "1", "freshet.republished.from": "0/1" } },
        { key: "k", raw: '{"a": 2}', encoding: "utf-8", headers: { h: "1", "freshet.republished.from": "0/1" } },
      ],
    );
    const place = records.find(({ raw }) => raw === '{"a": 2}')!;
    assertEquals(mended.body, { partition: place.partition, offset: place.offset });
    assertEquals((await log.topics([TOPIC]))[0]!.partitions.reduce((sum, { high }) => sum + high, 0), 3);
  });
});

Deno.test("sending again needs the token that opens everything, looking one that reads", async () => {
  const tokens = { api: "api-token", read: "read-token", run: undefined };
  await withSite(async ({ get, post, log }) => {
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    const letter = { topic: TOPIC, partition: 0, offset: 1 };
    const response = await get(PATH);
    await response.body?.cancel();
    assertEquals(response.status, 401);
    assertEquals((await post(letter)).status, 401);
    assertEquals((await post(letter, bearer("read-token"))).status, 403);
    assertEquals((await post(letter, { ...bearer("api-token"), origin: "https://evil.example" })).status, 403);
    const [info] = await log.topics([TOPIC]);
    assert(info!.partitions.every(({ high }) => high === 0), "nothing was sent");
    assertEquals((await post(letter, bearer("api-token"))).status, 200);
  }, { tokens });
});
