import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { hours, LocalCalendar, minutes } from "@freshet/stream";
import { propertyRuns } from "../support/simulation/runs.ts";

const at = (text: string) => Temporal.Instant.from(text).epochMilliseconds;

/** Zone, an instant, its local day, that day's start and length in hours. */
const table: readonly (readonly [zone: string, instant: string, date: string, start: string, length: number])[] = [
  ["UTC", "2024-05-01T12:00:00Z", "2024-05-01", "2024-05-01T00:00:00Z", 24],
  ["Europe/Paris", "2024-05-01T22:30:00Z", "2024-05-02", "2024-05-01T22:00:00Z", 24],
  // Clocks go forward, and back.
  ["Europe/Paris", "2024-03-31T12:00:00Z", "2024-03-31", "2024-03-30T23:00:00Z", 23],
  ["Europe/Paris", "2024-10-27T12:00:00Z", "2024-10-27", "2024-10-26T22:00:00Z", 25],
  ["America/New_York", "2024-11-03T05:30:00Z", "2024-11-03", "2024-11-03T04:00:00Z", 25],
  // By half an hour, on Lord Howe.
  ["Australia/Lord_Howe", "2024-10-05T20:00:00Z", "2024-10-06", "2024-10-05T13:30:00Z", 23.5],
  // At midnight: the day begins at one o'clock.
  ["America/Asuncion", "2023-10-01T12:00:00Z", "2023-10-01", "2023-10-01T04:00:00Z", 23],
  // Offsets of quarter hours.
  ["Asia/Kathmandu", "2024-05-01T18:20:00Z", "2024-05-02", "2024-05-01T18:15:00Z", 24],
  ["Asia/Kolkata", "2024-05-01T18:29:59.999Z", "2024-05-01", "2024-04-30T18:30:00Z", 24],
  // Both sides of the date line, and the day that Samoa left out.
  ["Pacific/Kiritimati", "2024-05-01T10:00:00Z", "2024-05-02", "2024-05-01T10:00:00Z", 24],
  ["Pacific/Niue", "2024-05-01T10:59:59Z", "2024-04-30", "2024-04-30T11:00:00Z", 24],
  ["Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29", "2011-12-29T10:00:00Z", 24],
  ["Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31", "2011-12-30T10:00:00Z", 24],
  // A leap day.
  ["Asia/Tokyo", "2024-02-29T03:00:00Z", "2024-02-29", "2024-02-28T15:00:00Z", 24],
];

for (const [zone, instant, date, start, length] of table) {
  Deno.test(`${instant} is in ${zone} on ${date}, which has ${length} hours`, () => {
    const day = new LocalCalendar().dayOf(at(instant), zone);
    assertEquals(day, { start: at(start), end: at(start) + hours(length), date });
  });
}

Deno.test("the start of a local day is in it and its end is in the next, also when asked for in between", () => {
  const calendar = new LocalCalendar();
  const day = calendar.dayOf(at("2024-10-27T12:00:00Z"), "Europe/Paris");
  assertEquals(calendar.dayOf(day.end - 0.001, "Europe/Paris"), day);
  assertEquals(calendar.dayOf(day.end, "Europe/Paris").date, "2024-10-28");
  assertEquals(calendar.dayOf(day.start, "Europe/Paris"), day);
  assertEquals(calendar.dayOf(day.start - 0.001, "Europe/Paris").date, "2024-10-26");
});

Deno.test("an unknown time zone is an error that says its name", () => {
  assertThrows(() => new LocalCalendar().dayOf(0, "Mars/Olympus"), RangeError, "Mars/Olympus");
});

Deno.test("local days of a zone follow one another without gap, and each holds its instants, remembered or not", () => {
  const zones = fc.constantFrom(
    "Europe/Paris",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "Pacific/Apia",
    "Africa/Cairo",
    "America/Sao_Paulo",
  );
  const calendar = new LocalCalendar();
  const instants = fc.integer({ min: at("2000-01-01T00:00:00Z"), max: at("2030-01-01T00:00:00Z") });
  fc.assert(
    fc.property(zones, instants, (zone, instant) => {
      const day = calendar.dayOf(instant, zone);
      assert(day.start <= instant && instant < day.end);
      assertEquals(calendar.dayOf(day.end - 1, zone), day);
      assertEquals(calendar.dayOf(day.end, zone).start, day.end);
      assertEquals(calendar.dayOf(instant + minutes(1), zone), new LocalCalendar().dayOf(instant + minutes(1), zone));
      const local = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(zone);
      assertEquals(day.date, local.toPlainDate().toString());
    }),
    propertyRuns(400),
  );
});
