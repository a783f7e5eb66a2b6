// What `--json` prints, the same for every verb: one JSON value, of a list an array with an element a line, else an object in a
// line. What never ends (`tail`) prints an object a line, and has no brackets around them.

/** The value as a verb prints it. */
export function jsonText(value: object): string {
  if (!Array.isArray(value)) return `${JSON.stringify(value)}\n`;
  return value.length === 0 ? "[]\n" : `[\n${value.map((each) => JSON.stringify(each)).join(",\n")}\n]\n`;
}

/** The option of verbs that print one object. */
export const JSON_OBJECT = ["--json", "as one JSON object"] as const;
/** The option of verbs that print a list. */
export const JSON_ARRAY = ["--json", "as one JSON array, an element a line"] as const;
