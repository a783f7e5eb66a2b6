// Reads records in the forms of other producers: those that do not fit a domain's own form or have no time in it, those with the
// mark of a form, and the next ones after such a record. Of several forms the first that fits. What a record says is put where the
// domain's schema looks for it; the schema decides. Must not know any domain: forms are data (src/domains/older_form.ts).

import type { z } from "zod";
import type { Domain } from "../domains/domain.ts";
import { type OlderField, type OlderForm, RECORD_TIME, SECONDS_BELOW } from "../domains/older_form.ts";

type Issues = readonly z.core.$ZodIssue[];
type Json = Readonly<Record<string, unknown>>;

/** An event, and its time in epoch milliseconds. */
export interface ReadEvent {
  readonly event: unknown;
  readonly time: number;
}

/** Whether a value is an object that may have fields. */
const isObject = (json: unknown): json is Json => typeof json === "object" && json !== null && !Array.isArray(json);

export class OlderForms {
  /** Whether the record before was of an older form: the next one is likely to be, and is best tried as such first. */
  isUsual = false;
  /** A field that records of the domain's own form do not have, see {@link OlderForm.mark}. */
  readonly mark: string | undefined;

  /** Of the record read last, in the form that it came nearest to. */
  #issues: Issues | undefined;

  constructor(
    private readonly domain: Pick<Domain, "schema" | "eventTime">,
    private readonly forms: readonly OlderForm[],
  ) {
    this.mark = forms.find(({ mark }) => mark !== undefined)?.mark;
  }

  /**
   * The event in the first form that it fits and has a time in, `undefined` when there is none. `loggedAt` is the time that
   * the log gave the record, epoch milliseconds. May throw what a schema's own functions throw.
   */
  read(json: unknown, loggedAt: number): ReadEvent | undefined {
    this.isUsual = false;
    this.#issues = undefined;
    if (!isObject(json)) return undefined;
    for (const { only, fields, schema = this.domain.schema } of this.forms) {
      if (only && typeof json[only.field] !== only.type) continue;
      const translated = translate(json, Object.entries(fields), loggedAt);
      const parsed = schema.safeParse(translated);
      if (!parsed.success) {
        this.#issues = fewest(this.#issues, parsed.error.issues);
        continue;
      }
      const time = this.domain.eventTime(parsed.data);
      if (Number.isNaN(time)) continue;
      this.isUsual = translated !== json;
      return { event: parsed.data, time };
    }
    return undefined;
  }

  /** What is wrong with the record that was read last: `own` in the domain's own form, or less in another. */
  fewerIssues(own: Issues): Issues {
    return fewest(own, this.#issues ?? own);
  }
}

const fewest = (a: Issues | undefined, b: Issues): Issues => a === undefined || b.length < a.length ? b : a;

/** The record with its fields as the domain's own form has them; itself where they are already. */
function translate(json: Json, fields: readonly (readonly [string, OlderField])[], loggedAt: number): Json {
  let translated: Record<string, unknown> | undefined;
  for (const [name, field] of fields) {
    const value = valueOf(json, name, field);
    const meant = value ?? (field.missing === RECORD_TIME ? loggedAt : field.missing);
    if (meant === undefined || meant === json[name]) continue;
    translated ??= { ...json };
    translated[name] = meant;
  }
  return translated ?? json;
}

function valueOf(json: Json, name: string, { from, seconds, text, words }: OlderField): unknown {
  const value = json[name] ?? (from === undefined ? undefined : at(json, from));
  if (typeof value === "number") {
    if (seconds && value >= 0 && value < SECONDS_BELOW) return millisecondsOf(value);
    return text && Number.isSafeInteger(value) ? String(value) : value;
  }
  return typeof value === "string" && words && Object.hasOwn(words, value) ? words[value] : value;
}

/** What is at a path of names. */
function at(json: Json, path: string): unknown {
  let value: unknown = json;
  for (const name of path.split(".")) {
    if (!isObject(value)) return undefined;
    value = value[name];
  }
  return value;
}

/**
 * Epoch seconds as milliseconds, to the nearest microsecond. A quarter of one is added, as that is cut off again where event
 * times are read, and what the division has rounded down must not take the microsecond with it.
 */
const millisecondsOf = (seconds: number): number => (Math.round(seconds * 1e6) + 0.25) / 1000;
