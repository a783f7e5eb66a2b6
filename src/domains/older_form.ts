// How records of the systems before Freshet say the same thing otherwise: which field stands where, and in which unit. Plain
// data: src/engine/older_forms.ts reads records by it, src/checks makes SQL of it. Must not know any domain.

import type { z } from "zod";

/** Stands for the time that the log gave the record. */
export const RECORD_TIME = Symbol("the record's time");

/** What a field may be instead of what the domain's schema says. Each is tried where the one before has found nothing. */
export interface OlderField {
  /** Another place of it: names, with a point before those of inner objects. Looked at where the record lacks the field. */
  readonly from?: string;
  /** A number of less than 10^11 is epoch seconds, with a fraction down to the microsecond. */
  readonly seconds?: boolean;
  /** A whole number stands for its digits. */
  readonly text?: boolean;
  /** Other words for it, by word. */
  readonly words?: Readonly<Record<string, string>>;
  /** What is meant where the record says nothing. */
  readonly missing?: string | typeof RECORD_TIME;
}

/** Fields by name. */
export type OlderFields = Readonly<Record<string, OlderField>>;

/** A form of a domain's records besides its own. */
export interface OlderForm<E = unknown> {
  /** Records are of this form only if this field is of this type. */
  readonly only?: { readonly field: string; readonly type: "number" | "string" };
  /** A field that the domain's own form does not have: records with it are read in these forms also when they fit the own one. One for a domain. */
  readonly mark?: string;
  readonly fields: OlderFields;
  /** What the record must be then, if that is less than the domain's own schema asks for; it takes all that the own one takes. */
  readonly schema?: z.ZodType<E>;
}

/** Epoch seconds are smaller, epoch milliseconds since 1973 greater. */
export const SECONDS_BELOW = 1e11;
