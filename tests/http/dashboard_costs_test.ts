// A page that is left open on a warehouse whose questions cost: none is asked that nothing can have changed the answer to.

import { assertEquals } from "@std/assert";
import type { DomainStatus } from "../../src/engine/status.ts";
import { createDashboard } from "../../src/http/dashboard/mod.ts";
import { SNOWFLAKE } from "../../src/warehouse/snowflake/traits.ts";
import type { QueryResult } from "../../src/warehouse/warehouse.ts";
import { domainOf } from "../support/domains.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { NO_LOG } from "../support/no_log.ts";
import { domainStatus } from "../support/status.ts";
import { noNotes } from "../support/notes.ts";

const NOTHING: QueryResult = { columns: [], rows: [], truncated: false };
const HOUR_MS = 3_600_000;

/** A page that asks for its panels each half a minute for an hour; returns how often the warehouse was asked after the first time. */
async function anHour(change: (status: DomainStatus, minute: number) => DomainStatus): Promise<number> {
  const clock = new ManualClock();
  let status = domainStatus();
  let questions = 0;
  const { app } = createDashboard({
    hostname: "127.0.0.1",
    port: 0,
    tokens: { api: undefined, run: undefined },
    version: "0",
    log: "none",
    warehouse: { ...SNOWFLAKE, description: "Snowflake" },
    domains: [domainOf("trains")],
    names: [],
    statuses: () => [status],
    clock,
    query: () => {
      questions++;
      return Promise.resolve(NOTHING);
    },
    usersQuery: () => Promise.resolve(NOTHING),
    rateLimit: Infinity,
    notes: noNotes,
    ...NO_LOG,
    settings: {},
  });
  const look = async () => void await (await app.request("http://127.0.0.1/api/panels/trains/status")).body?.cancel();
  await look();
  const first = questions;
  for (let at = 0; at < HOUR_MS; at += 30_000) {
    await clock.advance(30_000);
    status = change(status, at / 60_000);
    await look();
  }
  return (questions - first) / first;
}

const withCheckpoints = (status: DomainStatus, checkpoints: number): DomainStatus => ({
  ...status,
  totals: { ...status.totals, checkpoints },
});

Deno.test("with nothing new nothing is asked, however long the page is open", async () => {
  assertEquals(await anHour((status) => status), 0);
});

Deno.test("each checkpoint brings one question, and no more", async () => {
  assertEquals(await anHour((status, minute) => withCheckpoints(status, Math.floor(minute / 15))), 3);
});

Deno.test("where other processes write to the tables, too, they are looked at from time to time", async () => {
  assertEquals(await anHour((status) => ({ ...status, isShared: true })), 120);
  assertEquals(await anHour((status) => ({ ...status, phase: "standby" })), 120);
});
