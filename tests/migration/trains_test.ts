// Trains as the system before sent them: without a key, the place and the alerts in objects of their own, every 30 seconds one
// of 900 trains.

import { assert, assertEquals } from "@std/assert";
import { Random } from "../../simulators/random.ts";
import { assertSameRows, grouped, mean, RECORDS, type Row, START_MS, timestamp, Worked } from "./old_system.ts";

const HOUR_MS = 3_600_000;

interface Reading {
  /** Epoch milliseconds, with microseconds. */
  readonly time: number;
  readonly said: Readonly<Record<string, unknown>> & {
    readonly train_id: string;
    readonly passenger_count: number;
    readonly power_draw_kw: number;
  };
  readonly crowded: boolean;
  readonly power: boolean;
}

const [EMPTY_TONS, PERSON_TONS, MOST_PASSENGERS] = [135, 0.065, 764];

/** Python's isoformat of a naive time: microseconds, or no fraction when there are none. */
function isoformat(time: number, micros: number): string {
  const text = new Date(time).toISOString().slice(0, 19);
  return micros === 0 ? text : `${text}.${String(micros).padStart(6, "0")}`;
}

function readings(count: number, trains = 900): Reading[] {
  const random = new Random(7);
  return Array.from({ length: count }, (_, i) => {
    const second = START_MS + i * 30_000;
    const micros = i % 50 === 0 ? 0 : 1 + random.below(999_999);
    const passengers = random.below(MOST_PASSENGERS + 1);
    const tons = Math.round((EMPTY_TONS + passengers * PERSON_TONS) * 100) / 100;
    const kw = Math.round((80 + 0.5 * tons) * 100) / 100;
    const [crowded, power] = [passengers > 600, kw > 150];
    const said = {
      timestamp: isoformat(second, micros),
      train_id: `A${100 + random.below(trains)}`,
      passenger_count: passengers,
      total_weight_tons: tons,
      power_draw_kw: kw,
      speed_kmh: random.below(900) / 10,
      location: { latitude: 40.7 + random.below(99_999) / 1e6, longitude: -73.9 - random.below(99_999) / 1e6 },
      alerts: { overcrowding: crowded, high_power_draw: power },
    };
    return { time: second + micros / 1000, said, crowded, power };
  });
}

const recordsOf = (sent: readonly Reading[]) => sent.map(({ said }) => ({ value: JSON.stringify(said) }));

const typed = ({ time, said, crowded, power }: Reading): Row => {
  const { location, timestamp: _said, alerts: _alerts, ...flat } = said;
  return {
    timestamp: timestamp(time),
    ...flat,
    ...(location as object),
    is_overcrowded: crowded,
    is_high_power_draw: power,
  };
};

const COLUMNS =
  "timestamp, train_id, passenger_count, total_weight_tons, power_draw_kw, speed_kmh, latitude, longitude, is_overcrowded, is_high_power_draw";

Deno.test("trains of the system before: 10,000 records without keys make the tables that they must", async () => {
  const sent = readings(RECORDS);
  await using worked = await Worked.off({ domain: "trains", topic: "ats_telemetry", records: recordsOf(sent) });
  await worked.assertAllTaken("ATS_RAW_JSON");

  assertSameRows(await worked.rows(`SELECT ${COLUMNS} FROM ATS_TRANSFORMED`), sent.map(typed));
  const newest = [...grouped(sent, ({ said }) => said.train_id).values()].map((of) => of.at(-1)!);
  assertSameRows(await worked.rows(`SELECT ${COLUMNS} FROM ATS_LATEST_STATUS`), newest.map(typed));

  const perHour = grouped(sent, ({ time, said }) => `${said.train_id} ${Math.floor(time / HOUR_MS)}`);
  const hours = [...perHour.values()].map((of) => ({
    train_id: of[0]!.said.train_id,
    window_start: timestamp(Math.floor(of[0]!.time / HOUR_MS) * HOUR_MS),
    event_count: of.length,
    avg_passenger_count: mean(of.map(({ said }) => said.passenger_count)),
    max_power_draw_kw: Math.max(...of.map(({ said }) => said.power_draw_kw)),
    overcrowded_count: of.filter(({ crowded }) => crowded).length,
    high_power_draw_count: of.filter(({ power }) => power).length,
    is_final: true,
  }));
  const columns = Object.keys(hours[0]!).join(", ");
  assertSameRows(await worked.rows(`SELECT ${columns} FROM ATS_HOURLY_STATS`), hours);
  await assertOldQueries(worked, sent);
});

/** What the page of the system before asked, in its columns. */
async function assertOldQueries(worked: Worked, sent: readonly Reading[]): Promise<void> {
  const flagged = sent.filter(({ crowded, power }) => crowded || power);
  const flaggedRow = ({ time, said, crowded }: Reading) => ({
    timestamp: timestamp(time),
    train_id: said.train_id,
    alert_type: crowded ? "OVERCROWDING" : "HIGH_POWER_DRAW",
    passenger_count: said.passenger_count,
    power_draw_kw: said.power_draw_kw,
    total_weight_tons: said.total_weight_tons,
  });
  const alertColumns = Object.keys(flaggedRow(flagged[0]!)).join(", ");
  const newestAlerts = `SELECT ${alertColumns} FROM ATS_FLAGGED_READINGS`;
  assertSameRows(await worked.rows(newestAlerts), flagged.map(flaggedRow));
  assertSameRows(
    await worked.rows(`${newestAlerts} ORDER BY TIMESTAMP DESC LIMIT 5`),
    flagged.slice(-5).map(flaggedRow),
  );
  assertSameRows(
    await worked.rows(`SELECT COUNT(DISTINCT TRAIN_ID) AS ACTIVE_TRAINS, AVG(PASSENGER_COUNT) AS AVG_PASSENGERS,
      AVG(POWER_DRAW_KW) AS AVG_POWER, (SELECT COUNT(*) FROM ATS_FLAGGED_READINGS) AS ALERTS FROM ATS_TRANSFORMED`),
    [{
      active_trains: new Set(sent.map(({ said }) => said.train_id)).size,
      avg_passengers: mean(sent.map(({ said }) => said.passenger_count)),
      avg_power: mean(sent.map(({ said }) => said.power_draw_kw)),
      alerts: flagged.length,
    }],
  );
  const hours = [...grouped(sent, ({ time }) => String(Math.floor(time / HOUR_MS))).values()].map((of) => {
    const [passengers, kw] = [of.map(({ said }) => said.passenger_count), of.map(({ said }) => said.power_draw_kw)];
    return {
      hour: timestamp(Math.floor(of[0]!.time / HOUR_MS) * HOUR_MS),
      total_readings: of.length,
      unique_trains: new Set(of.map(({ said }) => said.train_id)).size,
      avg_passenger_count: mean(passengers),
      max_passenger_count: Math.max(...passengers),
      avg_power_draw_kw: mean(kw),
      max_power_draw_kw: Math.max(...kw),
      overcrowding_incidents: of.filter(({ crowded }) => crowded).length,
      high_power_incidents: of.filter(({ power }) => power).length,
    };
  });
  assertSameRows(await worked.rows(`SELECT ${Object.keys(hours[0]!).join(", ")} FROM ATS_FLEET_HOURLY_STATS`), hours);
  const lines = "SELECT timestamp, train_id, passenger_count, power_draw_kw, speed_kmh FROM ATS_TRANSFORMED";
  assertEquals((await worked.rows(`${lines} ORDER BY timestamp DESC LIMIT 100`)).length, 100);
  assertEquals((await worked.rows("SELECT * FROM ATS_TRANSFORMED ORDER BY timestamp DESC LIMIT 50")).length, 50);
}

/** Of events in the order of their time, those less than the gap apart. */
function sessions(of: readonly Reading[], gapMs: number): Reading[][] {
  const found: Reading[][] = [];
  for (const reading of of) {
    const session = found.at(-1);
    if (session && reading.time - session.at(-1)!.time < gapMs) session.push(reading);
    else found.push([reading]);
  }
  return found;
}

for (const [gap, env] of [[120, {}], [400.5, { ATS_ALERT_GAP_SECONDS: "400.5" }]] as const) {
  Deno.test(`alerts of trains whose records lie in several partitions are one row each, with a gap of ${gap} s`, async () => {
    // Few trains, so that each is heard of again within the gap, mostly in another partition.
    const sent = readings(RECORDS, 6);
    await using worked = await Worked.off({ domain: "trains", topic: "ats_telemetry", records: recordsOf(sent), env });
    await worked.assertAllTaken("ATS_RAW_JSON");
    const expected = (["crowded", "power"] as const).flatMap((flag) => {
      const flagged = sent.filter((reading) => reading[flag]);
      return [...grouped(flagged, ({ said }) => said.train_id).values()].flatMap((of) => sessions(of, gap * 1000))
        .map((session) => ({
          alert_type: flag === "crowded" ? "OVERCROWDING" : "HIGH_POWER_DRAW",
          train_id: session[0]!.said.train_id,
          status: "CLEARED",
          started_at: timestamp(session[0]!.time),
          last_seen_at: timestamp(session.at(-1)!.time),
          cleared_at: timestamp(session.at(-1)!.time + gap * 1000),
          event_count: session.length,
          peak_value: Math.max(
            ...session.map(({ said }) => flag === "crowded" ? said.passenger_count : said.power_draw_kw),
          ),
        }));
    });
    const columns = Object.keys(expected[0]!).join(", ");
    assertSameRows(await worked.rows(`SELECT ${columns} FROM ATS_ALERTS_JOINED`), expected);
    const [counted] = await worked.rows("SELECT COUNT(*) AS N, COUNT(DISTINCT ALERT_ID) AS IDS FROM ATS_ALERTS_JOINED");
    assertEquals(counted, { N: expected.length, IDS: expected.length });
    const [parts] = await worked.rows("SELECT COUNT(*) AS N FROM ATS_ALERTS");
    assert(Number(parts!.N) > expected.length * 1.2, `${parts!.N} parts of ${expected.length} alerts`);
  });
}
