import { assertEquals } from "@std/assert";
import { SimulatedTime } from "../../src/cli/simulated_time.ts";

Deno.test("simulated time is that of the newest record until the simulation meets the wall clock, and on with that", () => {
  let wall = 1_000_000;
  const time = new SimulatedTime({ now: () => wall }, (now) => now - 900_000);
  assertEquals(time.now(), 100_000, "before it begins");
  time.begin({ start: 200_000, speed: 10 });
  assertEquals(time.now(), 200_000);
  wall += 10_000;
  time.send(250_000);
  assertEquals([time.now(), time.newest()], [200_000, 250_000], "the log does not have it yet, but may at any moment");
  time.reach(250_000);
  assertEquals([time.now(), time.newest()], [250_000, 250_000], "the record due at 300,000 has not been sent");
  wall += 90_000;
  assertEquals(time.now(), wall);
  wall += 5;
  assertEquals(time.now(), wall);
});

Deno.test("time simulated as fast as it goes is that of the wall clock", () => {
  const time = new SimulatedTime({ now: () => 1_000 }, () => 0);
  time.begin({ start: 0, speed: Infinity });
  assertEquals(time.now(), 1_000);
});
