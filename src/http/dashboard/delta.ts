// What has changed between two answers, so that a browser that has the one is told the other in few bytes: the server makes it,
// the page applies it. Values are those of JSON. Must not know what the answers are about.
// Our own: JSON Patch (RFC 6902) names places by their numbers, and a chart whose window slides would be all changes.

/** What makes a value of the one before it. */
export type Delta =
  /** The value itself. */
  | { readonly set: unknown }
  /** Of an object: its fields that have changed, and the names of those that are no more. */
  | { readonly in: Readonly<Record<string, Delta>>; readonly gone?: readonly string[] }
  /** Of a list, from its beginning to its end. */
  | { readonly items: readonly DeltaItem[] };

/** So many items stay; so many less than zero are dropped; these come; or the next one changes. */
type DeltaItem = number | readonly unknown[] | Delta;

/** How many items may have come or gone between two that are the same. */
const REACH = 64;

/** What makes `after` of `before`; `undefined` when they are the same. */
export function deltaOf(before: unknown, after: unknown): Delta | undefined {
  const text = textOf(after);
  if (textOf(before) === text) return undefined;
  const delta = isList(before) && isList(after)
    ? listDelta(before, after)
    : isObject(before) && isObject(after)
    ? objectDelta(before, after)
    : undefined;
  // Where little has stayed the whole is shorter.
  return delta !== undefined && JSON.stringify(delta).length < text.length ? delta : { set: after };
}

type JsonObject = Readonly<Record<string, unknown>>;

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);
const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !isList(value) && !("toJSON" in value);

/** As JSON has it: what JSON cannot say is null there. */
const textOf = (value: unknown) => JSON.stringify(value) ?? "null";

function objectDelta(before: JsonObject, after: JsonObject): Delta {
  const [had, has] = [fieldsOf(before), fieldsOf(after)];
  const gone = [...had.keys()].filter((name) => !has.has(name));
  const changed: [string, Delta][] = [];
  for (const [name, value] of has) {
    const delta = had.has(name) ? deltaOf(had.get(name), value) : { set: value };
    if (delta !== undefined) changed.push([name, delta]);
  }
  return { in: Object.fromEntries(changed), ...gone.length > 0 && { gone } };
}

/** Those that JSON has. */
function fieldsOf(object: JsonObject): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(object).filter(([, value]) => value !== undefined));
}

function listDelta(before: readonly unknown[], after: readonly unknown[]): Delta {
  const numbers = new Map<string, number>();
  const numberOf = (item: unknown) => {
    const text = textOf(item);
    const known = numbers.get(text) ?? numbers.size;
    numbers.set(text, known);
    return known;
  };
  const [from, to] = [before.map(numberOf), after.map(numberOf)];
  const items = new Items();
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    if (i < from.length && from[i] === to[j]) {
      items.keep();
      [i, j] = [i + 1, j + 1];
      continue;
    }
    const [going, coming] = nextSame(from, to, [i, j]);
    const changed = Math.min(going, coming);
    for (let n = 0; n < changed; n++) items.change(before[i + n], after[j + n]);
    items.drop(going - changed);
    items.insert(after.slice(j + changed, j + coming));
    [i, j] = [i + going, j + coming];
  }
  return { items: items.all };
}

/** How many items of each list come before the nearest that both have: all of both where there is none within reach. */
function nextSame(
  from: readonly number[],
  to: readonly number[],
  [i, j]: readonly [number, number],
): readonly [going: number, coming: number] {
  const [left, right] = [from.length - i, to.length - j];
  for (let sum = 1; sum <= REACH; sum++) {
    for (let going = Math.max(0, sum - right + 1); going <= Math.min(sum, left - 1); going++) {
      if (from[i + going] === to[j + sum - going]) return [going, sum - going];
    }
  }
  // Nothing is the same soon: an item has become another, or one of the lists has ended.
  return left === 0 ? [0, right] : right === 0 ? [left, 0] : [1, 1];
}

/** Steps through a list, those of a kind that follow each other as one. */
class Items {
  readonly all: DeltaItem[] = [];

  keep(): void {
    const last = this.all.at(-1);
    if (typeof last === "number" && last > 0) this.all[this.all.length - 1] = last + 1;
    else this.all.push(1);
  }

  drop(count: number): void {
    if (count > 0) this.all.push(-count);
  }

  insert(items: readonly unknown[]): void {
    if (items.length > 0) this.all.push(items);
  }

  change(before: unknown, after: unknown): void {
    this.all.push(deltaOf(before, after) ?? { set: after });
  }
}

/**
 * Makes an answer of the one before; what has not changed stays the very same, so that nothing of it is drawn anew. Throws when
 * the delta is not one of this value.
 */
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
