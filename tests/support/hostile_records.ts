// Records of a domain made from its JSON Schema, written as hostile producers may: numbers in every form that JSON has,
// escapes, control characters, fields left out or null, fields that nobody asked for, keys absent, in disorder and late.
import fc from "fast-check";
import { jsonSchemaOf } from "../../src/domains/domain.ts";
import { domainOf } from "./domains.ts";

/** What is used of JSON Schema. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
}

/** A piece of JSON text. */
type Text = fc.Arbitrary<string>;

/** One record: its partition, its key, and its value as text. */
export interface HostileRecord {
  readonly partition: number;
  readonly key: string | null;
  readonly value: string;
}

/** What the schema does not say of a domain's fields. */
export interface Hostility {
  readonly domain: string;
  readonly timeField: string;
  /** Event time of the first record, epoch milliseconds, and from one to the next. */
  readonly startMs: number;
  readonly stepMs: number;
  /** How far back late records are dated, milliseconds. */
  readonly lateByMs: number;
  /** Fields by name: few values, so that records meet, or what the schema does not tell. */
  readonly fields: Readonly<Record<string, Text>>;
}

const quoted = (text: string) => JSON.stringify(text);
/** The same text in another spelling. */
const escaped = (text: string) =>
  `"${
    Array.from({ length: text.length }, (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, "0")}`).join("")
  }"`;

const characters = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(..."aZ09 _-") },
  { weight: 2, arbitrary: fc.constantFrom(..."éß漢🍷\u{1F1EB}\u0301\u200b\u00a0\u2028\ufeff") },
  {
    weight: 1,
    arbitrary: fc.constantFrom('"', "\\", "/", ":", "\u0001", "\u001d", "\u001e", "\t", "\n", "'", "%", ",", "{"),
  },
);

export const textOf = (least: number, most: number): Text =>
  fc.tuple(fc.string({ unit: characters, minLength: least, maxLength: Math.min(most, least + 6) }), fc.boolean())
    .map(([text, plainly]) => plainly || text.length > 12 ? quoted(text) : escaped(text));

/** One of a few texts. */
export const oneOf = (...texts: readonly string[]): Text =>
  fc.tuple(fc.constantFrom(...texts), fc.nat(9)).map(([text, n]) => n > 0 ? quoted(text) : escaped(text));

/** A whole number in some of its forms: `100`, `1e2`, `100.0`. */
export const wholeOf = (least: number, most: number): Text =>
  fc.tuple(
    fc.oneof(
      fc.integer({ min: Math.max(least, -5), max: Math.min(most, 40) }),
      fc.integer({ min: Math.max(least, -1200), max: Math.min(most, 1200) }),
      fc.constantFrom(Math.max(least, -Number.MAX_SAFE_INTEGER), Math.min(most, Number.MAX_SAFE_INTEGER)),
    ),
    fc.nat(5),
  ).map(([n, form]) => {
    if (form === 0) return `${n}.0`;
    if (form === 1) return n % 100 === 0 && n !== 0 ? `${n / 100}e2` : `${n}e0`;
    if (form === 2 && n === 0) return "-0";
    return String(n);
  });

/** A double in some of its forms. What is tiny or huge comes seldom. */
export const doubleOf = (least: number, most: number): Text =>
  fc.tuple(
    fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: -40_000, max: 40_000 }).map((n) => n / 100) },
      { weight: 3, arbitrary: fc.integer({ min: -1500, max: 1500 }).map((n) => n / 8) },
      { weight: 3, arbitrary: fc.double({ min: -2000, max: 2000, noNaN: true }) },
      { weight: 1, arbitrary: fc.constantFrom(0, 1e-7, 1.5e-7, 0.0001, 1e-30, 1e15, 123456789012345680, 1e21) },
    ),
    fc.nat(5),
  ).map(([n, form]) => {
    const x = n > most ? most : n < least ? (-n <= most && -n >= least ? -n : least) : n;
    if (form === 0) return x.toExponential().replace("e+", "E+");
    if (form === 1 && x === 0 && least <= 0) return "-0.0";
    if (form === 2 && Number.isInteger(x) && Math.abs(x) < 1e15) return `${x}.0`;
    return JSON.stringify(x);
  });

function valueOf(schema: Schema): Text {
  if (schema.const !== undefined) return fc.constant(JSON.stringify(schema.const));
  if (schema.enum) return fc.constantFrom(...schema.enum.map((each) => JSON.stringify(each)));
  const among = schema.anyOf ?? schema.oneOf;
  if (among) return fc.oneof(...among.map((each) => valueOf(each)));
  if (Array.isArray(schema.type)) return fc.oneof(...schema.type.map((type) => valueOf({ ...schema, type })));
  switch (schema.type) {
    case "string":
      return textOf(schema.minLength ?? 0, schema.maxLength ?? 20);
    case "integer":
      return wholeOf(schema.minimum ?? -Infinity, schema.maximum ?? Infinity);
    case "number":
      return doubleOf(schema.minimum ?? schema.exclusiveMinimum ?? -Infinity, schema.maximum ?? Infinity);
    case "boolean":
      return fc.constantFrom("true", "false");
    case "null":
      return fc.constant("null");
    case "object":
      return objectOf(schema, {});
    default:
      return fc.constantFrom("null", "[1,{}]", '"any"');
  }
}

/** Names that mean something elsewhere, or to somebody. */
const strange: Text = fc.constantFrom(
  '"__proto__":{"a":1}',
  '"constructor":"x"',
  '"extra":[1e400,{"timestamp":":"}]',
  '"quantity_change":-3',
  '"quantity":7',
  '"adjustment_type":"SPOILAGE"',
  '"sales_channel":"Boutique Lyon"',
  '"lux":3',
  '"sleep_start":null',
);

function objectOf({ properties = {}, required = [] }: Schema, fields: Readonly<Record<string, Text>>): Text {
  const members = Object.entries(properties).map(([name, schema]) => {
    const value = fields[name] ?? valueOf(schema);
    const member = value.map((text) => `${quoted(name)}:${text}`);
    return required.includes(name) ? member : fc.option(member, { freq: 2, nil: "" });
  });
  return fc.tuple(fc.tuple(...members), fc.option(strange, { freq: 5, nil: "" }), fc.constantFrom("", " ")).map(
    ([texts, more, space]) => {
      const all = texts.filter((text) => text !== "");
      if (more !== "" && !all.some((text) => text.startsWith(more.slice(0, more.indexOf(":"))))) all.push(more);
      return `{${space}${all.join(`,${space}`)}${space}}`;
    },
  );
}

/** The branches of a schema that is one of several objects. */
function branchesOf(schema: Schema): readonly Schema[] {
  return (schema.anyOf ?? schema.oneOf)?.flatMap(branchesOf) ?? [schema];
}

/** A time in one of the forms that a producer may write; fractions down to the microsecond. */
function timeText(ms: number, form: number, micros: number): string {
  const iso = new Date(ms).toISOString();
  switch (form) {
    case 0:
      return String(ms);
    case 1:
      return `${ms + [0.25, 0.9998, 0.001][micros % 3]!}`;
    case 2:
      return `${ms}e0`;
    case 3:
      return quoted(`${iso.slice(0, -1)}${String(micros).padStart(3, "0")}Z`);
    case 4:
      return quoted(new Date(ms + 7_200_000).toISOString().replace("Z", "+02:00"));
    case 5:
      return quoted(iso.slice(0, -1).replace("T", " ").replace(".", ","));
    default:
      return quoted(iso);
  }
}

const TIME = "@time@";

/** Records in the order of the log. Three partitions; the watermark moves on, some records are out of order or late. */
export function hostileRecords(hostility: Hostility, least: number, most: number): fc.Arbitrary<HostileRecord[]> {
  const { timeField, startMs, stepMs, lateByMs, fields } = hostility;
  const schema = jsonSchemaOf(domainOf(hostility.domain).schema) as Schema;
  const value = fc.oneof(
    ...branchesOf(schema).map((branch) => objectOf(branch, { ...fields, [timeField]: fc.constant(TIME) })),
  );
  const record = fc.record({
    value,
    partition: fc.nat(2),
    key: fc.option(fc.constantFrom("k1", "k2"), { freq: 3 }),
    form: fc.nat(9),
    micros: fc.nat(999),
    back: fc.oneof(
      { weight: 12, arbitrary: fc.nat(20_000) },
      { weight: 2, arbitrary: fc.nat(lateByMs) },
    ),
  });
  return fc.array(record, { minLength: least, maxLength: most, size: "max" }).map((records) =>
    records.map(({ value, partition, key, form, micros, back }, i) => ({
      partition,
      key,
      value: value.replace(TIME, timeText(startMs + i * stepMs - back, form, micros)),
    }))
  );
}
