// User actions as the system before sent them: in the frame of Confluent's JSON serializer, without a key, numbers for users,
// `action` or `event_type`, now and then no time: then the record's.

import { assert, assertEquals } from "@std/assert";
import { Random } from "../../simulators/random.ts";
import { Terminal } from "../cli/terminal.ts";
import { runningOn } from "../support/shipped.ts";
import { assertSameRows, grouped, RECORDS, type Row, START_MS, timestamp, Worked } from "./old_system.ts";

const MINUTE_MS = 60_000;
const KINDS = ["page_view", "click", "purchase", "search"];

interface Sent {
  /** Epoch milliseconds: of the action, or of the record where the action says none. */
  readonly time: number;
  readonly kind: string;
  readonly said: Row & { readonly user_id: number };
}

function actions(count: number): Sent[] {
  const random = new Random(19);
  return Array.from({ length: count }, (_, i) => {
    const time = START_MS + i * 20_000 + random.below(20_000);
    const kind = KINDS[random.below(KINDS.length)]!;
    const said = {
      user_id: 1 + random.below(200),
      ...i % 2 === 0 ? { action: kind } : { event_type: kind },
      ...i % 5 === 0 ? { page: "/pricing" } : {},
      ...i % 3 === 0 ? {} : { timestamp: i % 3 === 1 ? time / 1000 : new Date(time).toISOString().replace("Z", "") },
    };
    return { time, kind, said };
  });
}

/** Byte 0 and the id of a schema before the JSON. */
function framed(json: string): Uint8Array {
  return Uint8Array.of(0, 0, 0, 0, 7, ...new TextEncoder().encode(json));
}

function perMinute(sent: readonly Sent[]): Row[] {
  const minuteOf = ({ time }: Sent) => Math.floor(time / MINUTE_MS) * MINUTE_MS;
  return [...grouped(sent, (one) => `${one.kind} ${minuteOf(one)}`).values()].map((of) => ({
    action: of[0]!.kind,
    window_start: timestamp(minuteOf(of[0]!)),
    action_count: of.length,
    unique_users: new Set(of.map(({ said }) => said.user_id)).size,
    is_final: true,
  }));
}

/** A user's actions less than half an hour apart. */
function sessions(sent: readonly Sent[]): Row[] {
  const found: Sent[][] = [];
  for (const of of grouped(sent, ({ said }) => String(said.user_id)).values()) {
    for (const [i, one] of of.entries()) {
      if (i > 0 && one.time - of[i - 1]!.time < 30 * MINUTE_MS) found.at(-1)!.push(one);
      else found.push([one]);
    }
  }
  return found.map((of) => ({
    user_id: String(of[0]!.said.user_id),
    window_start: timestamp(of[0]!.time),
    window_end: timestamp(of.at(-1)!.time + 30 * MINUTE_MS),
    event_count: of.length,
    duration_s: (of.at(-1)!.time - of[0]!.time) / 1000,
    first_page: of[0]!.said.page ?? null,
    last_page: of.at(-1)!.said.page ?? null,
    is_final: true,
  }));
}

Deno.test("actions of the system before: 10,000 framed records without keys make the tables that they must", async () => {
  const sent = actions(RECORDS);
  await using worked = await Worked.off({
    domain: "actions",
    topic: "events",
    records: sent.map(({ time, said }) => ({ value: framed(JSON.stringify(said)), timestamp: time })),
  });
  await worked.assertAllTaken("USER_ACTIONS_RAW", { values: sent.map(({ said }) => JSON.stringify(said)) });

  assertSameRows(
    await worked.rows("SELECT TIMESTAMP, USER_ID, ACTION, PAGE FROM USER_ACTIONS"),
    sent.map(({ time, kind, said }) => ({
      timestamp: timestamp(time),
      user_id: String(said.user_id),
      action: kind,
      page: said.page ?? null,
    })),
  );
  const minutes = perMinute(sent);
  assertSameRows(await worked.rows(`SELECT ${Object.keys(minutes[0]!).join(", ")} FROM ACTIONS_PER_MINUTE`), minutes);
  const visits = sessions(sent);
  assertSameRows(await worked.rows(`SELECT ${Object.keys(visits[0]!).join(", ")} FROM USER_SESSIONS_JOINED`), visits);
  const [parts] = await worked.rows("SELECT COUNT(*) AS N FROM USER_SESSIONS");
  assert(Number(parts!.N) > visits.length, `${parts!.N} parts of ${visits.length} sessions`);
});

Deno.test("clients of the system before may post what they have posted, and are told what is wrong with the rest", async () => {
  await using terminal = await Terminal.open();
  const stop = new AbortController();
  const env = { FRESHET_CHECKPOINT_MS: "50" };
  const run = terminal.run(["run", "actions", "--no-simulate"], { env, signal: stop.signal });
  const { url } = await runningOn(terminal.dataDir);
  const post = async (event: unknown) => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${url}/events`, { method: "POST", headers, body: JSON.stringify(event) });
    const { errors = [] } = await response.json() as { readonly errors?: readonly { readonly pointer: string }[] };
    return [response.status, ...errors.map(({ pointer }) => pointer)];
  };
  const seconds = Math.floor(Date.now() / 1000);
  assertEquals(await post({ user_id: 7, action: "click" }), [200]);
  assertEquals(await post({ user_id: 8, event_type: "click", timestamp: seconds - 0.5 }), [200]);
  assertEquals(await post({ user_id: "u9", action: "click", page: "/" }), [200]);
  assertEquals(await post({ user_id: "u9", action: "click", timestamp: seconds }), [422, "/page"]);
  assertEquals(await post({ user_id: 1.5, action: "click" }), [422, "/user_id"]);
  assertEquals(await post({}), [422, "/user_id", "/action", "/page"]);
  stop.abort();
  assertEquals((await run).code, 0);
  assertEquals((await terminal.run(["run", "actions", "--no-simulate", "--until-end"])).code, 0);
  const { stdout } = await terminal.run(["query", "SELECT USER_ID FROM USER_ACTIONS ORDER BY 1", "--json"]);
  assertEquals(JSON.parse(stdout), [{ USER_ID: "7" }, { USER_ID: "8" }, { USER_ID: "u9" }]);
});
