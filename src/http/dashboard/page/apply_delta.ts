// The other half of the server's delta.ts: makes an answer of the one before. What has not changed stays the very same, so that
// nothing of it is drawn anew.
import type { Delta } from "../protocol.ts";

/** Throws when the delta is not one of this value. */
export function applyDelta(before: unknown, delta: Delta): unknown {
  if ("set" in delta) return delta.set;
  if ("items" in delta) {
    if (!Array.isArray(before)) throw new TypeError("A delta of a list was sent for something else");
    return listOf(before, delta.items);
  }
  if (typeof before !== "object" || before === null) {
    throw new TypeError("A delta of fields was sent for something else");
  }
  const fields = new Map(Object.entries(before));
  for (const name of delta.gone ?? []) fields.delete(name);
  for (const [name, change] of Object.entries(delta.in)) fields.set(name, applyDelta(fields.get(name), change));
  return Object.fromEntries(fields);
}

function listOf(before: readonly unknown[], items: Extract<Delta, { items: unknown }>["items"]): readonly unknown[] {
  const made: unknown[] = [];
  let at = 0;
  for (const item of items) {
    if (typeof item === "number") {
      const count = Math.abs(item);
      if (item > 0) { for (let n = 0; n < count; n++) made.push(before[at + n]); }
      at += count;
    } else if (Array.isArray(item)) { for (const one of item) made.push(one); }
    else made.push(applyDelta(before[at++], item as Delta));
  }
  if (at !== before.length) throw new TypeError("A delta was sent for a list of another length");
  return made;
}
