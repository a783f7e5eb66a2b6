// Bad records: takes good ones and spoils a share of them, in every way that a producer can get a record wrong.
// Knows the names of a few fields of a domain, nothing more.
import { Random } from "./random.ts";
import type { SimulatedRecord, SpoilableFields } from "./simulator.ts";

/** How a record can be wrong. */
export const SPOILED_KINDS = [
  "not_utf8",
  "not_json",
  "empty",
  "tombstone",
  "infinite_number",
  "missing_field",
  "mistyped_field",
  "negative_amount",
  "no_time",
  "future_time",
  "deep_nesting",
] as const;
export type SpoiledKind = (typeof SPOILED_KINDS)[number];

const NESTING_DEPTH = 200_000;
/** Deep nesting is 400 kB a record: after the first, only one spoiled record in this many. */
const DEEP_EVERY = 500;
const FUTURE_MS = 3_600_000;

export interface SpoilOptions {
  readonly seed: number;
  /** Share of records to spoil, from 0 to 1. */
  readonly ratio: number;
  readonly fields: SpoilableFields;
  /** Wall clock, epoch milliseconds: what "in the future" is measured against. */
  readonly now: () => number;
}

/** Passes records on, spoiling a share of them; the kinds take turns. Key and timestamp stay. */
export function* spoil(
  records: Iterable<SimulatedRecord>,
  { seed, ratio, fields, now }: SpoilOptions,
): Generator<SimulatedRecord, void, undefined> {
  const random = new Random(seed);
  let spoiled = 0;
  for (const record of records) {
    if (random.next() >= ratio) {
      yield record;
      continue;
    }
    yield { ...record, value: spoiledValue(record, kindOf(spoiled++), { fields, now: now() }) };
  }
}

function kindOf(index: number): SpoiledKind {
  const kind = SPOILED_KINDS[index % SPOILED_KINDS.length]!;
  const deepTurn = Math.floor(index / SPOILED_KINDS.length);
  return kind === "deep_nesting" && deepTurn % DEEP_EVERY !== 0 ? "not_json" : kind;
}

/** The record's value, wrong in the given way. */
export function spoiledValue(
  record: SimulatedRecord,
  kind: SpoiledKind,
  { fields, now }: { readonly fields: SpoilableFields; readonly now: number },
): string | Uint8Array | null {
  const good = String(record.value);
  const withField = (name: string, value: unknown) => JSON.stringify({ ...JSON.parse(good), [name]: value });
  switch (kind) {
    case "not_utf8":
      return Uint8Array.of(0xff, 0xfe, ...new TextEncoder().encode(good));
    case "not_json":
      return good.slice(0, good.length / 2);
    case "empty":
      return "";
    case "tombstone":
      return null;
    case "infinite_number":
      return withField(fields.amount, "\u0000").replace('"\\u0000"', "1e400");
    case "missing_field":
      return withField(fields.required, undefined);
    case "mistyped_field":
      return withField(fields.amount, "many");
    case "negative_amount":
      return withField(fields.amount, -3);
    case "no_time":
      return withField(fields.timestamp, "half past nine");
    case "future_time":
      return withField(fields.timestamp, new Date(now + FUTURE_MS).toISOString());
    case "deep_nesting":
      return "[".repeat(NESTING_DEPTH) + "]".repeat(NESTING_DEPTH);
  }
}
