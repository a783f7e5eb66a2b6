// Rides as the system before sent them: four fields, ids that are numbers or texts, times in seconds or ISO 8601, no key.

import { Random } from "../../simulators/random.ts";
import { assertSameRows, grouped, RECORDS, type Row, START_MS, timestamp, Worked } from "./old_system.ts";

const [MINUTE_MS, HOUR_MS] = [60_000, 3_600_000];
const PLACES = ["Market Square", "Airport", "Old Town", "Harbour", "Station"];
const TYPES = ["standard", "premium", "shared"];

interface Sent {
  /** Epoch milliseconds, to the microsecond. */
  readonly time: number;
  readonly user: string;
  readonly said: { readonly location: string; readonly ride_type: string } & Row;
}

function requests(count: number): Sent[] {
  const random = new Random(17);
  return Array.from({ length: count }, (_, i) => {
    const micros = (START_MS + i * 20_000) * 1000 + random.below(1_000_000);
    const time = micros / 1000;
    const user = 1 + random.below(500);
    const said = {
      user_id: i % 2 === 0 ? user : `u${user}`,
      location: PLACES[random.below(PLACES.length)]!,
      ride_type: TYPES[random.below(TYPES.length)]!,
      ...i % 20 === 7 ? { event_type: "ride_cancelled" } : {},
      timestamp: i % 3 === 0 ? micros / 1e6 : `${timestamp(time).replace(" ", "T")}${i % 3 === 1 ? "Z" : ""}`,
    };
    return { time, user: String(said.user_id), said };
  });
}

const groupOf = ({ said }: Sent) => ({ zone: said.location, ride_type: said.ride_type });

const isRequest = ({ said }: Sent) => said.event_type === undefined;
const hourOf = ({ time }: Sent) => Math.floor(time / HOUR_MS) * HOUR_MS;
const hourKey = (one: Sent) => JSON.stringify([groupOf(one), hourOf(one)]);

function hourly(sent: readonly Sent[]): Row[] {
  return [...grouped(sent, hourKey).values()].map((of) => ({
    ...groupOf(of[0]!),
    window_start: timestamp(hourOf(of[0]!)),
    request_count: of.length,
    unique_users: new Set(of.map(({ user }) => user)).size,
    is_final: true,
  }));
}

/** Each request is in the 15 windows of a quarter of an hour that hold its minute. */
function demand(sent: readonly Sent[]): Row[] {
  const inWindows = sent.flatMap((one) => {
    const minute = Math.floor(one.time / MINUTE_MS) * MINUTE_MS;
    return Array.from({ length: 15 }, (_, back) => ({ start: minute - back * MINUTE_MS, one }));
  });
  return [...grouped(inWindows, ({ start, one }) => JSON.stringify([groupOf(one), start])).values()].map((of) => ({
    ...groupOf(of[0]!.one),
    window_start: timestamp(of[0]!.start),
    request_count: of.length,
  }));
}

Deno.test("rides of the system before: 10,000 records without keys make the tables that they must", async () => {
  const sent = requests(RECORDS);
  await using worked = await Worked.off({
    domain: "rides",
    topic: "ride_events",
    records: sent.map(({ said }) => ({ value: JSON.stringify(said) })),
  });
  await worked.assertAllTaken("RIDE_REQUESTS");

  assertSameRows(
    await worked.rows("SELECT TIMESTAMP, USER_ID, LOCATION, ZONE, RIDE_TYPE FROM RIDE_REQUESTS"),
    sent.map(({ time, user, said: { location, ride_type } }) => ({
      timestamp: timestamp(time),
      user_id: user,
      location,
      zone: location,
      ride_type,
    })),
  );
  const cancelled = grouped(sent.filter(({ said }) => said.event_type === "ride_cancelled"), hourKey);
  const requested = grouped(sent.filter(({ said }) => said.event_type === undefined), hourKey);
  const shares = new Set([...cancelled.keys(), ...requested.keys()]).values().map((key) => {
    const [requests, cancellations] = [requested.get(key) ?? [], cancelled.get(key) ?? []];
    const one = (requests[0] ?? cancellations[0])!;
    return {
      ...groupOf(one),
      window_start: timestamp(hourOf(one)),
      request_count: requests.length,
      cancellation_count: cancellations.length,
      cancellation_rate: requests.length === 0 ? null : cancellations.length / requests.length,
    };
  });
  assertSameRows(await worked.rows("SELECT * FROM RIDE_CANCELLATIONS"), [...shares]);
  const hours = hourly(sent.filter(isRequest));
  assertSameRows(await worked.rows(`SELECT ${Object.keys(hours[0]!).join(", ")} FROM RIDE_HOURLY_STATS`), hours);
  assertSameRows(
    await worked.rows("SELECT ZONE, RIDE_TYPE, WINDOW_START, REQUEST_COUNT FROM RIDE_DEMAND"),
    demand(sent.filter(isRequest)),
  );
});
