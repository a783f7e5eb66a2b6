// What a zod schema says of a JSON value, as far as the reader can see to it by itself. The only file that knows how zod keeps
// its definitions (4.6).

import { z } from "zod";

/** What a value must be. */
export type Shape =
  | { readonly kind: "string"; readonly min: number; readonly max: number }
  | { readonly kind: "number"; readonly isWhole: boolean; readonly bounds: readonly Bound[] }
  | { readonly kind: "boolean" | "null" }
  /** One of some values. */
  | { readonly kind: "literal"; readonly values: readonly unknown[] }
  /** What fits one of the shapes, told apart by the kind of JSON value that they are. */
  | { readonly kind: "either"; readonly shapes: readonly Shape[] }
  | ObjectShape
  | { readonly kind: "list"; readonly of: Shape; readonly min: number; readonly max: number }
  /** Read as any JSON value, and taken by the schema. */
  | { readonly kind: "schema"; readonly schema: z.core.$ZodType };

export interface ObjectShape {
  readonly kind: "object";
  readonly fields: ReadonlyMap<string, { readonly shape: Shape; readonly mayBeMissing: boolean }>;
  /** Whether fields that are not named stay. */
  readonly isLoose: boolean;
}

/** A value must be greater than it, or less, or may be the same. */
export interface Bound {
  readonly than: ">" | ">=" | "<" | "<=";
  readonly value: number;
}

/** What an object of a schema may be: one for each branch of a discriminated union. */
export interface Branch extends ObjectShape {
  /** Whether the schema has rules for the whole object, and so must see it once more. */
  readonly hasOwnRules: boolean;
}

interface Definition {
  readonly type: string;
  readonly checks?: readonly { readonly _zod: { readonly def: Readonly<Record<string, unknown>> } }[];
  readonly [name: string]: unknown;
}

const definitionOf = (schema: z.core.$ZodType) => schema._zod.def as unknown as Definition; // zod types each kind apart

/** How objects of the schema are read; undefined when they cannot be. */
export function readable(schema: z.core.$ZodType): readonly Branch[] | undefined {
  const definition = definitionOf(schema);
  const hasOwnRules = (definition.checks?.length ?? 0) > 0;
  if (definition.type === "object") {
    const shape = objectShape(definition);
    return shape && [{ ...shape, hasOwnRules }];
  }
  if (definition.type !== "union" || definition.discriminator === undefined) return undefined;
  const options = (definition.options as readonly z.core.$ZodType[]).map(readable);
  if (options.some((option) => option === undefined)) return undefined;
  return options.flatMap((branches) =>
    branches!.map((branch) => ({ ...branch, hasOwnRules: hasOwnRules || branch.hasOwnRules }))
  );
}

function objectShape(definition: Definition): ObjectShape | undefined {
  const catchall = definition.catchall as z.core.$ZodType | undefined;
  const rest = catchall && definitionOf(catchall).type;
  if (rest !== undefined && rest !== "never" && rest !== "unknown" && rest !== "any") return undefined;
  const fields = Object.entries(definition.shape as Readonly<Record<string, z.core.$ZodType>>);
  return {
    kind: "object",
    fields: new Map(fields.map(([name, schema]) => [name, fieldOf(schema)])),
    isLoose: rest === "unknown" || rest === "any",
  };
}

function fieldOf(schema: z.core.$ZodType) {
  const { type, innerType, checks } = definitionOf(schema);
  if (type !== "optional" || checks?.length) return { shape: shapeOf(schema), mayBeMissing: false };
  const inner = innerType as z.core.$ZodType;
  // What has a value of its own when it is missing is left to zod.
  return { shape: shapeOf(inner), mayBeMissing: inner._zod.optin !== "optional" };
}

function shapeOf(schema: z.core.$ZodType): Shape {
  const definition = definitionOf(schema);
  const own = ownShape(definition);
  return own ?? { kind: "schema", schema };
}

function ownShape(definition: Definition): Shape | undefined {
  const rules = rulesOf(definition);
  if (rules === undefined || definition.coerce === true) return undefined;
  const { min, max, bounds, isWhole } = rules;
  const isPlain = bounds.length === 0 && !isWhole;
  const hasNoRules = isPlain && min === 0 && max === Infinity;
  switch (definition.type) {
    case "string":
      return isPlain ? { kind: "string", min, max } : undefined;
    case "number":
      return min === 0 && max === Infinity ? { kind: "number", isWhole, bounds } : undefined;
    case "boolean":
    case "null":
      return hasNoRules ? { kind: definition.type } : undefined;
    case "literal":
      return hasNoRules ? literal(definition.values as readonly unknown[]) : undefined;
    case "enum":
      return hasNoRules ? literal(Object.values(definition.entries as object)) : undefined;
    case "nullable":
      return hasNoRules ? either([shapeOf(definition.innerType as z.core.$ZodType), { kind: "null" }]) : undefined;
    case "union":
      if (!hasNoRules || definition.inclusive === false) return undefined;
      return either((definition.options as readonly z.core.$ZodType[]).map(shapeOf));
    case "object":
      return hasNoRules ? objectShape(definition) : undefined;
    case "array":
      return isPlain ? list(shapeOf(definition.element as z.core.$ZodType), min, max) : undefined;
    default:
      return undefined;
  }
}

function literal(values: readonly unknown[]): Shape | undefined {
  const isJson = values.every((value) => value === null || /^(string|number|boolean)$/.test(typeof value));
  return isJson ? { kind: "literal", values } : undefined;
}

/** Of plain values; others may each be laid out in their own way. */
function list(of: Shape, min: number, max: number): Shape | undefined {
  const isOfPlain = jsonKinds(of).every((kind) => kind !== "object" && kind !== "list" && kind !== "any");
  return isOfPlain ? { kind: "list", of, min, max } : undefined;
}

/** Undefined when two of the shapes may be of one kind of value: the schema then knows which one it is. */
function either(shapes: readonly Shape[]): Shape | undefined {
  const flat = shapes.flatMap((shape) => shape.kind === "either" ? shape.shapes : [shape]);
  const kinds = flat.flatMap(jsonKinds);
  return kinds.includes("any") || new Set(kinds).size !== kinds.length ? undefined : { kind: "either", shapes: flat };
}

export type JsonKind = "string" | "number" | "boolean" | "null" | "object" | "list" | "any";

/** The kinds of JSON values that fit a shape. */
export function jsonKinds(shape: Shape): readonly JsonKind[] {
  switch (shape.kind) {
    case "schema":
      return ["any"];
    case "either":
      return shape.shapes.flatMap(jsonKinds);
    case "literal":
      return [...new Set(shape.values.map((value) => value === null ? "null" : typeof value as JsonKind))];
    default:
      return [shape.kind];
  }
}

interface RulesOfValue {
  readonly min: number;
  readonly max: number;
  readonly isWhole: boolean;
  readonly bounds: readonly Bound[];
}

/** The condition that zod itself gives rules of length: that the value has one. */
const WHEN_LONG = String(definitionOf(z.string().min(1)).checks![0]!._zod.def.when);

/** The rules that a definition has for its value; undefined when it has one that is not known here. */
function rulesOf(definition: Definition): RulesOfValue | undefined {
  let [min, max, isWhole] = [0, Infinity, false];
  const bounds: Bound[] = [];
  const checks: Readonly<Record<string, unknown>>[] = (definition.checks ?? []).map(({ _zod }) => _zod.def);
  // A format, such as that of whole numbers, is a rule of the definition itself.
  if (definition.check !== undefined) checks.push(definition);
  for (const check of checks) {
    if (check.when !== undefined && String(check.when) !== WHEN_LONG) return undefined;
    switch (check.check) {
      case "min_length":
        min = Math.max(min, check.minimum as number);
        break;
      case "max_length":
        max = Math.min(max, check.maximum as number);
        break;
      case "greater_than":
      case "less_than": {
        if (typeof check.value !== "number") return undefined;
        const sign = check.check === "greater_than" ? ">" : "<";
        bounds.push({ than: check.inclusive ? `${sign}=` : sign, value: check.value });
        break;
      }
      case "number_format":
        if (check.format !== "safeint") return undefined;
        isWhole = true;
        break;
      default:
        return undefined;
    }
  }
  return { min, max, isWhole, bounds };
}
