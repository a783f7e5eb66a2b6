// A query's cells as JSON values, where every adapter does it alike. Must not know any driver.

/** Integers that a double cannot hold may stand in JSON text only from this many digits on. */
const LONG_INTEGER = /\d{16}/;
/** Nesting at which reading and writing JSON begins to endanger the stack. */
const MAX_DEPTH = 500;

function isDeep(text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === 0x5b || char === 0x7b) {
      if (++depth > MAX_DEPTH) return true;
    } else if (char === 0x5d || char === 0x7d) depth--;
  }
  return false;
}

/** Keeps integers that a double cannot hold as text. */
function exact(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) && context?.source
    ? context.source
    : value;
}

/** JSON text parsed; as it is where it cannot be parsed, or is nested too deeply to be handed on. */
export function readJson(text: string): unknown {
  if (text.length > MAX_DEPTH && isDeep(text)) return text;
  try {
    return LONG_INTEGER.test(text) ? JSON.parse(text, exact) : JSON.parse(text);
  } catch {
    return text;
  }
}

/** As a number where that is exact, else as text. */
export function integer(value: bigint | string): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** As a number up to the 15 digits that a double surely keeps, else as text. */
export function decimal(text: string): number | string {
  return text.replace(/^-?0*\.?0*|\./g, "").length <= 15 ? Number(text) : text;
}

/** `YYYY-MM-DD HH:MM:SS`, and a fraction of 3 or 6 digits where there is one. */
export function timestamp(text: string): string {
  return text.replace(/\.(\d+)$/, (_, digits: string) => `.${digits.padEnd(digits.length <= 3 ? 3 : 6, "0")}`);
}
