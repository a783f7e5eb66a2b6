// Whether a zod issue says that a field is not there: what people are told, and the reason of a dead letter, hang on it.
import type { z } from "zod";

/** How a missing field is told. */
export const FIELD_IS_MISSING = "The field is missing";

/** Of a field that may be one of several types, none of them finds one. The record as a whole is no field. */
export function isMissingField(issue: z.core.$ZodIssue): boolean {
  return issue.path.length > 0 && isAbsent(issue);
}

function isAbsent(issue: z.core.$ZodIssue): boolean {
  if (issue.code === "invalid_type") return issue.message.endsWith("received undefined");
  return issue.code === "invalid_union" && issue.errors.length > 0 &&
    issue.errors.every(([first]) =>
      first?.path.length === 0 && first.code === "invalid_type" && first.message.endsWith("received undefined")
    );
}
