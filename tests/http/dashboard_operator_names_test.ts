// What the page calls operators.
import { assertEquals } from "@std/assert";
import { holdersIn, operatorNames } from "../../src/http/dashboard/page/operator_names.ts";

const namesOf = (...operators: readonly string[]) => [...operatorNames(operators).values()];

Deno.test("an operator is called by its table and its type of alert, without the word that all tables begin with", () => {
  assertEquals(namesOf("ATS_ALERTS/OVERCROWDING", "ATS_ALERTS/HIGH_POWER_DRAW", "ATS_HOURLY_STATS_PARTS"), [
    "Alerts: overcrowding",
    "Alerts: high power draw",
    "Hourly stats",
  ]);
  assertEquals(namesOf("RIDE_DEMAND_PARTS", "RIDE_SURGE_ALERTS/SURGE", "RIDE_SURGE_ALERTS/SURGE/episodes"), [
    "Demand",
    "Surge alerts: surge",
    "Surge alerts: surge, episodes",
  ]);
});

Deno.test("tables that begin otherwise, or one alone, keep their whole names", () => {
  assertEquals(namesOf("SALES_HOURLY_PARTS", "STOCK_LEVELS_PARTS"), ["Sales hourly", "Stock levels"]);
  assertEquals(namesOf("USER_SESSIONS"), ["User sessions"]);
  assertEquals(namesOf("ATS_ALERTS/A", "ATS_ALERTS/B"), ["Ats alerts: a", "Ats alerts: b"]);
  assertEquals(namesOf("ATS", "ATS_ALERTS"), ["Ats", "Ats alerts"]);
  assertEquals(namesOf(), []);
});

Deno.test("how far an operator is does not count as something that it holds", () => {
  const operators = ["A", "A/corrections", "A/closed", "B/SURGE", "B/SURGE/episodes", "B/SURGE/closed", "C/closed"];
  assertEquals(holdersIn(operators), ["A", "B/SURGE", "B/SURGE/episodes", "C/closed"]);
});
