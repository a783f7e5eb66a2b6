// What people are told of a record that is no event.
import { assertEquals } from "@std/assert";
import { z } from "zod";
import { invalid } from "../../src/engine/verdicts.ts";

const Event = z.object({
  id: z.string(),
  at: z.union([z.string(), z.number()]),
  place: z.object({ zone: z.string() }).optional(),
});

const CASES: readonly (readonly [value: unknown, reason: string, detail: string])[] = [
  [{}, "missing_field", "id: The field is missing; at: The field is missing"],
  [{ id: "a", at: 1, place: {} }, "missing_field", "place.zone: The field is missing"],
  [{ id: 5, at: 1 }, "wrong_type", "id: Invalid input: expected string, received number"],
  [[], "wrong_type", "(value): Invalid input: expected object, received array"],
];

for (const [value, reason, detail] of CASES) {
  Deno.test(`of ${JSON.stringify(value)} it is said: ${detail}`, () => {
    assertEquals(invalid(Event.safeParse(value).error!.issues), { stage: "validate", reason, detail });
  });
}
