import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { planLeg, powerDrawKw, resistanceN, totalWeightTons, TRAIN } from "../../simulators/trains_physics.ts";

Deno.test("weight is tare and 70 kg a passenger", () => {
  assertEquals(totalWeightTons(0), 200);
  assertAlmostEquals(totalWeightTons(1000), 270);
});

Deno.test("running resistance is that of Davis' formula in its original units", () => {
  const [massTons, speed] = [270, 20];
  const shortTons = massTons / 0.90718474;
  const mph = speed / 0.44704;
  const squareFeet = TRAIN.frontArea / 0.09290304;
  const pounds = 1.3 * shortTons + 29 * TRAIN.axles + 0.045 * mph * shortTons +
    (0.0024 + 0.00034 * (TRAIN.cars - 1)) * squareFeet * mph ** 2;
  assertAlmostEquals(resistanceN(massTons, speed), pounds * 4.4482216, 20);
});

Deno.test("power grows with passengers and acceleration, stands for auxiliaries at rest, and is negative when braking", () => {
  assertEquals(powerDrawKw(0, 0, 0), TRAIN.auxiliaryKw);
  assert(powerDrawKw(1000, 15, 0.4) > powerDrawKw(100, 15, 0.4));
  assert(powerDrawKw(500, 15, 0.4) > powerDrawKw(500, 15, 0.1));
  assert(powerDrawKw(500, 15, -TRAIN.deceleration) < 0);
  assert(powerDrawKw(1350, 22, -TRAIN.deceleration) >= -TRAIN.maxRegenerationKw);
});

Deno.test("a leg begins and ends at rest, covers its length, and its speed is the slope of its distance", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 50, max: 5000, noNaN: true }),
      fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      (length, share) => {
        const leg = planLeg(length);
        assertAlmostEquals(leg.at(0).speed, 0, 1e-9);
        assertAlmostEquals(leg.at(leg.duration).speed, 0, 1e-6);
        assertAlmostEquals(leg.at(leg.duration).distance, length, 1e-6);
        const t = leg.duration * share;
        const { speed } = leg.at(t);
        assert(speed <= TRAIN.maxSpeed + 1e-9);
        const slope = (leg.at(t + 1e-3).distance - leg.at(t - 1e-3).distance) / 2e-3;
        assertAlmostEquals(slope, speed, 1e-2);
      },
    ),
  );
});
