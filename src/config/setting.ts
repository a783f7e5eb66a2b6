// The kinds of value a setting can have: how the text of an environment variable becomes a value, and how the expected
// form is told to a person. Knows nothing of which settings exist.
import { isIP } from "node:net";
import * as z from "zod";

/** What a setting's schema says about itself, beside zod's own description. */
export interface SettingMeta {
  /** The expected form, to finish the sentence "expected …". */
  readonly form: string;
  /** The default as one would write it in `.env`; absent when there is none. */
  readonly default?: string;
  /** Whether the value must never be shown. */
  readonly secret?: boolean;
}

/** Form, default and secrecy of a setting; for a schema of another making, what zod knows of it. */
export function settingMeta(schema: z.ZodType): SettingMeta {
  const meta = schema.meta() ?? {};
  return {
    form: typeof meta.form === "string" ? meta.form : "",
    default: typeof meta.default === "string" ? meta.default : defaultOf(schema),
    secret: meta.secret === true,
  };
}

/** Meaning of a setting in a few words. */
export function settingMeaning(schema: z.ZodType): string {
  return schema.description ?? innerOf(schema)?.description ?? "";
}

/** zod types what it unwraps as its core's class, of which every schema made with `z` is one of `z.ZodType`. */
function innerOf(schema: z.ZodType): z.ZodType | undefined {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodOptional
    ? schema.unwrap() as unknown as z.ZodType
    : undefined;
}

function defaultOf(schema: z.ZodType): string | undefined {
  if (!(schema instanceof z.ZodDefault)) return undefined;
  const value = schema.def.defaultValue;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

type Parse<T> = (text: string) => T | undefined;

/** A setting from its text form: `undefined` from `parse` means that the text has not the expected form. */
function from<T>(meta: SettingMeta, meaning: string, parse: Parse<T>): z.ZodType<T | undefined, string | undefined> {
  const schema = z.string().optional().transform((text, context): T | undefined => {
    const given = text ?? meta.default;
    if (given === undefined) return undefined;
    const value = parse(given);
    if (value === undefined) context.addIssue({ code: "custom", message: `expected ${meta.form}` });
    return value;
  });
  return schema.describe(meaning).meta({ ...meta });
}

/** The same setting where a default makes sure that there is a value. */
function always<T>(schema: z.ZodType<T | undefined, string | undefined>): z.ZodType<T, string | undefined> {
  return schema as z.ZodType<T, string | undefined>;
}

/** Limits of a whole number. */
export interface Range {
  readonly min: number;
  readonly max?: number;
  /** What the number counts, for the expected form. */
  readonly unit?: string;
}

function wholeForm({ min, max, unit }: Range): string {
  const what = unit ? `a whole number of ${unit}` : "a whole number";
  return max === undefined ? `${what}, at least ${min}` : `${what} from ${min} to ${max}`;
}

function parseWhole({ min, max = Number.MAX_SAFE_INTEGER }: Range): Parse<number> {
  return (text) => {
    if (!/^[+-]?\d[\d_]*$/.test(text)) return undefined;
    const value = Number(text.replaceAll("_", ""));
    return Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined;
  };
}

/** A whole number with a default. */
export function whole(range: Range & { readonly default: number }, meaning: string): z.ZodType<number, unknown> {
  return always(from({ form: wholeForm(range), default: String(range.default) }, meaning, parseWhole(range)));
}

/** A whole number that may be left out. */
export function wholeOrNone(range: Range, meaning: string): z.ZodType<number | undefined, unknown> {
  return from({ form: wholeForm(range) }, meaning, parseWhole(range));
}

/** The word that the text means, whatever the case and the dashes. */
export function wordOf<const T extends string>(words: readonly T[], text: string): T | undefined {
  return words.find((word) => word === text.toLowerCase().replaceAll("_", "-"));
}

/** One of a few words, whatever the case. */
export function choice<const T extends string>(
  words: readonly T[],
  preset: NoInfer<T>,
  meaning: string,
): z.ZodType<T, unknown> {
  const form = `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
  return always(from({ form, default: preset }, meaning, (text) => wordOf(words, text)));
}

/** One of a few words, or none. */
export function choiceOrNone<const T extends string>(
  words: readonly T[],
  meaning: string,
): z.ZodType<T | undefined, unknown> {
  const form = `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
  return from({ form }, meaning, (text) => wordOf(words, text));
}

const FLAGS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  "1": true,
  false: false,
  no: false,
  off: false,
  "0": false,
};

/** Whether a text is one that says yes. */
export function isOn(text: string | undefined): boolean {
  return text !== undefined && FLAGS[text.toLowerCase()] === true;
}

/** Yes or no, or left open. */
export function flagOrNone(meaning: string): z.ZodType<boolean | undefined, unknown> {
  return from({ form: "true or false" }, meaning, (text) => FLAGS[text.toLowerCase()]);
}

/** Text that matches `pattern`, with a default. */
export function text(
  options: { readonly form: string; readonly pattern?: RegExp; readonly default: string },
  meaning: string,
): z.ZodType<string, unknown> {
  return always(textOrNone(options, meaning) as z.ZodType<string | undefined, string | undefined>);
}

/** Text that matches `pattern`, or none. */
export function textOrNone(
  options: { readonly form: string; readonly pattern?: RegExp; readonly default?: string; readonly secret?: boolean },
  meaning: string,
): z.ZodType<string | undefined, unknown> {
  const { pattern, ...meta } = options;
  return from(meta, meaning, (given) => (pattern?.test(given) ?? true) ? given : undefined);
}

/** An http or https address without user, password or query, or none. Slashes at its end are cut off. */
export function addressOrNone(meaning: string): z.ZodType<string | undefined, unknown> {
  return from({ form: "an http or https address, without user and password" }, meaning, (given) => {
    const url = URL.parse(given);
    const plain = url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash;
    return plain ? given.replace(/\/+$/, "") : undefined;
  });
}

/** An http or https address as it is written, which may have a query but no user and password; or none. */
export function endpointOrNone(meaning: string): z.ZodType<string | undefined, unknown> {
  return from({ form: "an http or https address, without user and password" }, meaning, (given) => {
    const url = URL.parse(given);
    return url && /^https?:$/.test(url.protocol) && !url.username && !url.password ? given : undefined;
  });
}

/** Comma-separated `name=value`, or none. */
export function pairsOrNone(meaning: string): z.ZodType<Readonly<Record<string, string>> | undefined, unknown> {
  return from({ form: "name=value, several with commas between them" }, meaning, (given) => {
    const pairs = given.split(",").map((pair) => /^\s*([A-Za-z]+)=([\x21-\x7e]+)\s*$/.exec(pair));
    if (!pairs.every((pair) => pair !== null)) return undefined;
    return Object.fromEntries(pairs.map(([, name, value]) => [name!, value!]));
  });
}

/** The text with the user and password of an address in it made unreadable. */
export function withoutLogins(text: string): string {
  return text.replace(/(:\/\/)[^/\s]*@/g, "$1…@");
}

/** A URL of one of the schemes (`redis:`), with a host; or none. It may hold a password, so it is a secret. */
export function urlOrNone(
  { schemes, form }: { readonly schemes: readonly string[]; readonly form: string },
  meaning: string,
): z.ZodType<string | undefined, unknown> {
  return from({ form, secret: true }, meaning, (given) => {
    const url = URL.parse(given);
    return url && schemes.includes(url.protocol) && url.host !== "" ? given : undefined;
  });
}

/** A comma-separated list of host names, in small letters; none for none. */
export function hostNames(meaning: string): z.ZodType<readonly string[] | undefined, unknown> {
  const form = "host names without ports, several with commas between them";
  return from({ form }, meaning, (given) => {
    const names = given.split(",").map((name) => name.trim().toLowerCase()).filter((name) => name !== "");
    return names.length > 0 && names.every((name) => /^[a-z0-9._-]+$/.test(name)) ? names : undefined;
  });
}

/** A comma-separated list of IP addresses and subnets (`10.0.0.0/8`), or none. */
export function addressesOrNone(meaning: string): z.ZodType<readonly string[] | undefined, unknown> {
  const form = "IP addresses or subnets such as 10.0.0.0/8, several with commas between them";
  return from({ form }, meaning, (given) => {
    const addresses = given.split(",").map((address) => address.trim()).filter((address) => address !== "");
    return addresses.length > 0 && addresses.every(isAddressOrSubnet) ? addresses : undefined;
  });
}

function isAddressOrSubnet(text: string): boolean {
  const [, address = "", bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && (bits === undefined || Number(bits) <= (version === 4 ? 32 : 128));
}

export const MAIL_ADDRESS = /^[^\s@<>,]+@[^\s@<>,]+$/;

/** A comma-separated list of e-mail addresses, or none. */
export function mailAddressesOrNone(meaning: string): z.ZodType<readonly string[] | undefined, unknown> {
  return from({ form: "e-mail addresses, several with commas between them" }, meaning, (given) => {
    const addresses = given.split(",").map((address) => address.trim()).filter((address) => address !== "");
    return addresses.length > 0 && addresses.every((one) => MAIL_ADDRESS.test(one)) ? addresses : undefined;
  });
}

/** A comma-separated list of names of domains, or none. */
export function domainNames(meaning: string): z.ZodType<readonly string[] | undefined, unknown> {
  return from({ form: "names of domains, several with commas between them" }, meaning, (given) => {
    const names = given.split(",").map((name) => name.trim()).filter((name) => name !== "");
    return names.every((name) => /^[a-z][a-z0-9_]*$/.test(name)) ? names : undefined;
  });
}

/** A comma-separated list of `host:port`, or none. */
export function brokersOrNone(meaning: string): z.ZodType<readonly string[] | undefined, unknown> {
  const form = "host:port, several with commas between them";
  return from({ form }, meaning, (given) => {
    const brokers = given.split(",").map((broker) => broker.trim()).filter((broker) => broker !== "");
    const valid = brokers.every((broker) => /^(\[[0-9a-fA-F:]+\]|[^\s:/@]+):\d{1,5}$/.test(broker));
    return valid && brokers.length > 0 ? brokers : undefined;
  });
}
