// The rules over what the real engine makes of minimal, hostile and generated records: nothing may be wrong with it.
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { cell, complaints, workOff } from "../support/judged.ts";
import { type HostileRecord, hostileRecords } from "../support/hostile_records.ts";
import { hostilities } from "../support/hostilities.ts";
import { domainOf } from "../support/domains.ts";
import { propertyRuns } from "../support/simulation/runs.ts";
import { Terminal } from "../cli/terminal.ts";

/** What the doctor says of records by themselves; how many of them were accepted. */
async function judged(name: string, records: readonly HostileRecord[]) {
  await using terminal = await Terminal.open();
  await workOff(terminal, name, records);
  const said = (await complaints(terminal, name)).map(({ check, detail }) => `${check}: ${detail}`);
  const accepted = Number(await cell(terminal, `SELECT COUNT(*) FROM ${domainOf(name).raw.table}`));
  return { said, accepted };
}

for (const hostility of hostilities) {
  const { domain } = hostility;
  Deno.test(`doctor finds nothing wrong with what is made of generated records of ${domain}`, async () => {
    let all = 0;
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(hostileRecords(hostility, 150, 300), async (records) => {
        const { said, accepted } = await judged(domain, records);
        assertEquals(said, []);
        all += records.length;
        taken += accepted;
      }),
      { ...propertyRuns(2), endOnFailure: true },
    );
    assert(taken > all / 2, `Only ${taken} of ${all} records were accepted`);
  });
}

const at = (minute: number) => `2026-01-15T08:${String(minute).padStart(2, "0")}:00Z`;
const record = (value: string, partition = 0): HostileRecord => ({ partition, key: null, value });

/** Records by themselves that a rule once took for wrong. */
const CASES: readonly (readonly [what: string, domain: string, records: readonly HostileRecord[]])[] = [
  ["a ride that says only what it must", "rides", [
    record(`{"user_id":"u","location":"x","timestamp":"${at(0)}","ride_type":"r"}`),
  ]],
  ["a train that says only what it must", "trains", [
    record(
      `{"timestamp":"${at(0)}","train_id":"t","passenger_count":0,"total_weight_tons":0,"power_draw_kw":-0,` +
        `"speed_kmh":0,"latitude":0,"longitude":0}`,
    ),
  ]],
  ["an action that says only what it must", "actions", [
    record(`{"user_id":"u","action":"a","page":"p","timestamp":"${at(0)}"}`),
  ]],
  ["an order and a correction that say only what they must", "wine", [
    record(
      `{"event_type":"ORDER_CREATED","order_line_id":"o","customer_id":1,"product_id":1,"quantity":1,"event_ts":"${
        at(0)
      }"}`,
    ),
    record(
      `{"event_type":"INVENTORY_ADJUSTED","event_id":"e","product_id":1,"quantity_change":0,` +
        `"adjustment_type":"CORRECTION","event_ts":"${at(1)}"}`,
    ),
  ]],
  ["a meal, a light and a sleep in two partitions of one user", "circadian", [
    record(`{"activity_type":"meal","user_id":"u","time_zone":"Europe/Paris","timestamp":"${at(0)}"}`),
    record(
      `{"activity_type":"light","user_id":"u","time_zone":"Europe/Paris","timestamp":"${
        at(1)
      }","lux":1,"duration_minutes":1}`,
    ),
    record(
      `{"activity_type":"sleep","user_id":"u","time_zone":"Europe/Paris","timestamp":"${
        at(2)
      }","duration_minutes":480}`,
      1,
    ),
    record(
      `{"activity_type":"sleep","user_id":"u","time_zone":"UTC","timestamp":"${at(2)}","duration_minutes":400}`,
      2,
    ),
  ]],
  ["sleep by its ends, on the night on which clocks change", "circadian", [
    record(
      `{"activity_type":"sleep","user_id":"u","time_zone":"europe/paris","timestamp":"2026-03-29T06:00:00Z",` +
        `"sleep_start":"2026-03-28T22:00:00Z","sleep_end":"2026-03-29T05:30:00Z"}`,
    ),
    record(
      `{"activity_type":"sleep","user_id":"u","time_zone":"America/Havana","timestamp":"2026-11-01T12:00:00Z","duration_minutes":480}`,
    ),
  ]],
  ["activities by the users' clocks, in zones that are offsets and in hours that come twice", "circadian", [
    record(`{"activity_type":"meal","user_id":"u","time_zone":"Europe/Paris","timestamp":"2026-10-25T02:30:00"}`),
    record(`{"activity_type":"meal","user_id":"u","time_zone":"+05:30","timestamp":"2026-10-25T23:59:59.999999"}`),
    record(`{"activity_type":"meal","user_id":"u","time_zone":"-03:30","timestamp":"2026-10-25T23:59:59Z"}`),
    record(
      `{"activity_type":"sleep","user_id":"u","time_zone":"-03:30","timestamp":"2026-10-26",` +
        `"sleep_start":"2026-10-25 23:00","sleep_end":"2026-10-26T07:00:00.5"}`,
    ),
    record(
      `{"activity_type":"sleep","user_id":"u","time_zone":"Europe/Paris","timestamp":"2026-03-29T02:30:00","duration_minutes":60}`,
    ),
    record(`{"activity":"sleep","user_id":5,"timestamp":1761350400.123456}`),
    record(`{"activity":"light_exposure","user_id":5,"timestamp":1761350401}`),
  ]],
  ["a night that two devices tell of, a nap, and a night within another", "circadian", [
    record(`{"activity_type":"sleep","user_id":"u","time_zone":"UTC","timestamp":"${at(0)}","duration_minutes":480}`),
    record(
      `{"activity_type":"sleep","user_id":"u","time_zone":"UTC","timestamp":"${at(1)}","duration_minutes":470}`,
      1,
    ),
    record(`{"activity_type":"sleep","user_id":"v","time_zone":"UTC","timestamp":"${at(0)}","duration_minutes":200.1}`),
    record(
      `{"activity_type":"sleep","user_id":"v","time_zone":"UTC","timestamp":"${at(0)}","duration_minutes":100.7}`,
      2,
    ),
    record(`{"activity_type":"sleep","user_id":"v","time_zone":"UTC","timestamp":"${at(2)}","duration_minutes":0.01}`),
  ]],
  [
    "more users in a minute than are counted exactly",
    "actions",
    Array.from(
      { length: 3000 },
      (_, i) => record(`{"user_id":"u${i}","action":"a","page":"p","timestamp":"${at(0)}"}`, i % 3),
    ),
  ],
];

for (const [what, domain, records] of CASES) {
  Deno.test(`doctor finds nothing wrong with what is made of ${what}`, async () => {
    assertEquals(await judged(domain, records), { said: [], accepted: records.length });
  });
}
