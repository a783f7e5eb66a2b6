import { assertEquals } from "@std/assert";
import { loggerFor, setUpLogging } from "../src/logging.ts";
import { repeatedWarnings } from "../src/repeated_warnings.ts";
import { SteppingClock } from "./simulators/stepping_clock.ts";

Deno.test("a warning that lasts is shown once a minute, one that does not last never", () => {
  const shownAt: number[] = [];
  const clock = new SteppingClock(0);
  setUpLogging({
    level: "info",
    format: "text",
    colors: false,
    secrets: [],
    write: () => void shownAt.push(clock.now() / 1000),
  });
  const warn = repeatedWarnings(loggerFor("log"), clock);
  warn("something else, once");
  for (let second = 0; second < 130; second++) {
    warn("connection refused");
    clock.pass(1000);
  }
  assertEquals(shownAt, [5, 65, 125]);
});
