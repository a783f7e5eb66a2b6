import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { stopSignals, UncaughtFailure } from "../../src/cli/mod.ts";

type Arrival = readonly [name: "SIGINT" | "SIGTERM", atMs: number];

const CASES: readonly (readonly [name: string, arrivals: readonly Arrival[], left: readonly number[]])[] = [
  ["one signal drains", [["SIGINT", 0]], []],
  ["one press that arrives three times is one signal", [["SIGINT", 0], ["SIGINT", 1], ["SIGINT", 200]], []],
  ["a second Ctrl-C leaves at once with 130", [["SIGINT", 0], ["SIGINT", 300]], [130]],
  ["a second SIGTERM leaves at once with 143", [["SIGTERM", 0], ["SIGTERM", 300]], [143]],
  ["another signal is a second one, however soon", [["SIGINT", 0], ["SIGTERM", 1]], [143]],
];

for (const [name, arrivals, expected] of CASES) {
  Deno.test(name, () => {
    let time = 0;
    const left: number[] = [];
    const signals = stopSignals({ now: () => time, leave: (code) => void left.push(code) });
    for (const [signal, atMs] of arrivals) {
      time = atMs;
      signals.receive(signal);
    }
    assertEquals(signals.signal.aborted, true);
    assertEquals(left, expected);
  });
}

Deno.test("a failure that nothing caught drains as a signal does, and those after it do not make it leave", () => {
  const left: number[] = [];
  const signals = stopSignals({ now: () => 0, leave: (code) => void left.push(code) });
  signals.fail(new TypeError("x is not a function"));
  signals.fail("another");
  assert(signals.signal.reason instanceof UncaughtFailure);
  assertStringIncludes(signals.signal.reason.message, "x is not a function");
  assertEquals(left, []);
});
