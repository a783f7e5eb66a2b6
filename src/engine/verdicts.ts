// What is said of records that are no events of a domain: a stable reason, and the detail for people.

import type { z } from "zod";
import { FIELD_IS_MISSING, isMissingField } from "../missing_field.ts";
import type { Verdict } from "./dead_letter.ts";
import type { TimeFault } from "./time_fault.ts";

/** The first issue names the reason, all of them are in the detail. */
export function invalid(issues: readonly z.core.$ZodIssue[]): Verdict {
  const detail = issues.map((issue) =>
    `${issue.path.join(".") || "(value)"}: ${isMissingField(issue) ? FIELD_IS_MISSING : issue.message}`
  ).join("; ");
  return { stage: "validate", reason: reasonOf(issues[0]!), detail };
}

function reasonOf(issue: z.core.$ZodIssue): string {
  if (isMissingField(issue)) return "missing_field";
  switch (issue.code) {
    case "invalid_type":
      return "wrong_type";
    case "invalid_union":
      // No branch fits what the event says it is, or it does not say.
      return issue.errors.length === 0 ? "invalid_value" : "wrong_type";
    case "too_small":
    case "too_big":
      return "out_of_range";
    default:
      return "invalid_value";
  }
}

/** What is said of an event time that is not taken. */
export function untimely(fault: TimeFault, aheadMs: number): Verdict {
  switch (fault) {
    case "not a time": {
      const detail =
        "The event time cannot be read: it must be ISO 8601 from 1970 to 9999, or epoch milliseconds (not seconds)";
      return { stage: "time", reason: "invalid_timestamp", detail };
    }
    case "before the calendar": {
      const detail = "The event time is before 15 October 1582, the first day that every warehouse can store";
      return { stage: "time", reason: "invalid_timestamp", detail };
    }
    case "in the future": {
      const detail = `The event time is ${Math.round(aheadMs / 1000)} s ahead of the clock`;
      return { stage: "time", reason: "future_timestamp", detail };
    }
  }
}

/** What is said of a record that seems well and was not taken when it first came, by a process that has not said why. */
export function notTaken(): Verdict {
  const detail =
    "The raw table holds what came behind it and not this: it was skipped as its row was loaded, or its event " +
    "time was ahead of the clock then";
  return { stage: "write", reason: "row_refused", detail };
}
