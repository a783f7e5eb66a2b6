// Finds half surrogate pairs in JSON: as escapes they pass every parser of JavaScript, and warehouses refuse them.

/** Whether `text`, which means `json`, has only whole characters in its names and texts. */
export function isWellFormedJson(text: string, json: unknown): boolean {
  // Half a pair cannot be in UTF-8; only an escape can say it.
  return !/\\u[dD][89a-fA-F]/.test(text) || isWellFormed(json);
}

function isWellFormed(json: unknown): boolean {
  if (typeof json === "string") return json.isWellFormed();
  if (typeof json !== "object" || json === null) return true;
  if (Array.isArray(json)) return json.every(isWellFormed);
  return Object.entries(json).every(([name, value]) => name.isWellFormed() && isWellFormed(value));
}
