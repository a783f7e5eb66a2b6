// zod's issues as errors of fields for a problem's answer: bounded in number and length, never with a value in them.
import type { z } from "zod";
import { FIELD_IS_MISSING, isMissingField } from "../missing_field.ts";
import type { FieldError } from "./problem.ts";

const MAX_ERRORS = 50;
const MAX_CHARACTERS = 300;

/** An error for each issue; issues of a union's branches where they are, rather than one for the union. */
export function fieldErrors(issues: readonly z.core.$ZodIssue[]): FieldError[] {
  const errors: FieldError[] = [];
  for (const issue of issues) {
    if (errors.length >= MAX_ERRORS) break;
    errors.push(fieldError(issue));
  }
  return errors;
}

function fieldError(issue: z.core.$ZodIssue): FieldError {
  return { pointer: cut(pointerTo(issue.path)), code: codeOf(issue), detail: cut(detailOf(issue)) };
}

/** JSON Pointer, RFC 6901. */
function pointerTo(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

function codeOf(issue: z.core.$ZodIssue): string {
  return isMissingField(issue) ? "missing_field" : issue.code;
}

function detailOf(issue: z.core.$ZodIssue): string {
  if (isMissingField(issue)) return FIELD_IS_MISSING;
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return issue.message;
  const branches = issue.errors.flatMap((branch) => branch.slice(0, 1)).map(({ path, message }) =>
    `${pointerTo(path)} ${message}`.trim()
  );
  return [...new Set(branches)].join(", or ");
}

function cut(text: string): string {
  return text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS)}…`;
}
