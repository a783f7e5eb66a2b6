// Circadian as the system before sent it: numbers for users, two other names, seconds with a fraction, no zone, no length and no
// brightness; keyed by the user.

import { Random } from "../../simulators/random.ts";
import { assertSameRows, grouped, RECORDS, type Row, START_MS, timestamp, Worked } from "./old_system.ts";

interface Sent {
  /** Epoch milliseconds, to the microsecond. */
  readonly time: number;
  readonly said: { readonly user_id: number; readonly activity: string; readonly timestamp: number };
}

function activities(count: number): Sent[] {
  const random = new Random(13);
  return Array.from({ length: count }, (_, i) => {
    const micros = (START_MS + i * 30_000) * 1000 + random.below(1_000_000);
    const activity = ["sleep", "meal", "light_exposure"][random.below(3)]!;
    return { time: micros / 1000, said: { user_id: 1 + random.below(100), activity, timestamp: micros / 1e6 } };
  });
}

const dateIn = (zone: string) => {
  const format = new Intl.DateTimeFormat("en-CA", { timeZone: zone });
  return (time: number) => format.format(time);
};

/** Days by the clocks of the zone. What nobody has measured is not there. */
function days(sent: readonly Sent[], zone: string): Row[] {
  const dateOf = dateIn(zone);
  return [...grouped(sent, ({ time, said }) => `${said.user_id} ${dateOf(time)}`).values()].map((of) => {
    const meals = of.filter(({ said }) => said.activity === "meal").map(({ time }) => Math.round(time * 1000));
    return {
      user_id: String(of[0]!.said.user_id),
      local_date: dateOf(of[0]!.time),
      time_zone: zone,
      meal_count: meals.length,
      eating_window_hours: meals.length === 0 ? null : (Math.max(...meals) - Math.min(...meals)) / 3.6e9,
      sleep_hours: null,
      light_lux_hours: null,
    };
  });
}

for (const [zone, env] of [["UTC", {}], ["Europe/Paris", { CIRCADIAN_DEFAULT_TIME_ZONE: "Europe/Paris" }]] as const) {
  Deno.test(`circadian of the system before: 10,000 records make days by the clocks of ${zone}`, async () => {
    const sent = activities(RECORDS);
    await using worked = await Worked.off({
      domain: "circadian",
      topic: "user_activity",
      records: sent.map(({ said }) => ({ key: String(said.user_id), value: JSON.stringify(said) })),
      env,
    });
    await worked.assertAllTaken("USER_ACTIVITY");

    assertSameRows(
      await worked.rows("SELECT USER_ID, ACTIVITY_TYPE, TIMESTAMP, TIME_ZONE FROM USER_ACTIVITY"),
      sent.map(({ time, said }) => ({
        user_id: String(said.user_id),
        activity_type: said.activity === "light_exposure" ? "light" : said.activity,
        timestamp: timestamp(time),
        time_zone: zone,
      })),
    );
    // In the three columns that it had.
    assertSameRows(
      await worked.rows("SELECT user_id, activity, timestamp FROM USER_ACTIVITIES"),
      sent.map(({ time, said }) => ({ ...said, user_id: String(said.user_id), timestamp: timestamp(time) })),
    );
    const expected = days(sent, zone);
    const columns = Object.keys(expected[0]!).join(", ");
    assertSameRows(await worked.rows(`SELECT ${columns} FROM CIRCADIAN_DAILY`), expected);
  });
}

Deno.test("the same night from two devices is one night, whatever partitions they write to; a nap is one more", async () => {
  const [midnight, hour] = [Math.floor(START_MS / 86_400_000) * 86_400_000, 3_600_000];
  const sleep = (user: string, end: number, minutes: number) => (
    {
      activity_type: "sleep",
      user_id: user,
      time_zone: "UTC",
      timestamp: new Date(end).toISOString(),
      duration_minutes: minutes,
    }
  );
  const sent = [
    // 23:00 to 7:00 and 23:10 to 7:05.
    sleep("two", midnight + 7 * hour, 480),
    sleep("two", midnight + 7 * hour + 300_000, 475),
    sleep("two", midnight + 14 * hour, 30),
    sleep("one", midnight + 7 * hour, 480),
    sleep("one", midnight + 14 * hour, 30),
  ];
  await using worked = await Worked.off({
    domain: "circadian",
    topic: "user_activity",
    records: sent.map((event) => ({ value: JSON.stringify(event) })),
  });
  await worked.assertAllTaken("USER_ACTIVITY");
  assertSameRows(await worked.rows("SELECT USER_ID, SLEEP_HOURS FROM CIRCADIAN_DAILY"), [
    { user_id: "two", sleep_hours: 8 + 5 / 60 + 0.5 },
    { user_id: "one", sleep_hours: 8.5 },
  ]);
});
