// What a domain is: a topic, a schema, where event time is, and which tables are made of its events. Plain data; the engine
// runs it.

import { z } from "zod";
import { type Element, type Output, StateBackend, Stream, type StreamContext } from "@freshet/stream";
import type { Simulator } from "../../simulators/simulator.ts";
import type { Rules, Settings } from "../checks/rules.ts";
import type { DomainPanels } from "../panels/panel.ts";
import type { OlderForm } from "./older_form.ts";

/** How event time moves and how long state is kept, in milliseconds of event time unless said otherwise. */
export interface TimeSettings {
  /** How far an event may come behind a newer one of its partition and still be on time. */
  readonly maxOutOfOrdernessMs: number;
  /** How long after a window's end late events correct it. */
  readonly allowedLatenessMs: number;
  /** How long a caught-up partition is silent, in wall-clock time, before its watermark goes on at the clock's pace. */
  readonly idleAfterMs: number;
  /** How far ahead of the wall clock an event time may be; what is further ahead is a dead letter. */
  readonly maxFutureSkewMs: number;
  /**
   * A partition whose watermark is further behind the wall clock than this is worked through as history: no alert of it is
   * ACTIVE before it has caught up. 7 days when left out.
   */
  readonly backfillAfterMs?: number;
}

/** Where records are kept as they came. */
export interface RawTable<E> {
  readonly table: string;
  /** Column of the record's metadata. */
  readonly metadata: string;
  /** Column of the record's JSON text. */
  readonly content: string;
  /** The column that says what kind of event a row is, and the kinds that metrics tell apart; all others are one. */
  readonly kind?: { readonly column: string; readonly known: readonly string[] };
  /** A name for the record's timestamp in the metadata besides `CreateTime`. */
  readonly timestampName?: string;
  /** More columns of the same row. */
  readonly columns?: (event: E, element: Element<E>, partition: number) => Readonly<Record<string, unknown>>;
}

/**
 * How events come in over HTTP: posted as JSON to `path`, checked as the pipeline checks them, and acknowledged with their
 * partition and offset once the log has them.
 */
export interface IngestRoute {
  /** Such as "/events". */
  readonly path: `/${string}`;
  /** What a request does, in a few words, for the API's description. */
  readonly summary: string;
  /** An event as it may be posted, for the API's description. */
  readonly example: Readonly<Record<string, unknown>>;
  /** The field that holds event time, to name it when that is wrong. */
  readonly timeField?: string;
  /**
   * Whether a request without an event publishes one of the domain's simulator, as of now, and `{"count": n}` so many.
   * Without this a body is needed.
   */
  readonly generates?: boolean;
}

/** The row of the tables that a read route is about. */
export interface ReadRow<S = unknown> {
  /** One read-only statement in the SQL of both warehouses, with one bind: the key. Answers one row, or none. */
  readonly sql: string;
  /** A checkpoint that changes rows of this keyed table makes what is cached of their keys old. */
  readonly table: string;
  readonly keyColumn: string;
  /** Begins the cache's keys. */
  readonly cachePrefix: string;
  /** What is cached of the row: plain JSON. */
  read(row: readonly unknown[]): S;
}

/**
 * How a row is read over HTTP with GET, by its key, through a cache. `R` is the request: the parameters of path and query as
 * the schemas give them. `S` is what is kept of the row.
 */
export interface ReadRoute<R = unknown, S = unknown> {
  /** With parameters in braces, such as "/recommendations/{user}". */
  readonly path: `/${string}`;
  /** Under which the API's description lists it. */
  readonly tag: string;
  readonly summary: string;
  readonly description: string;
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  /** What is answered: a few words, and the name of its schema, for the API's description. */
  readonly answer: { readonly description: string; readonly name: string; readonly schema: z.ZodType };
  /** The problem that is answered where there is no row: its code is one of src/http/problem.ts. */
  readonly unknown: { readonly code: "not_found" | "unknown_user"; readonly detail: string };
  readonly row: ReadRow<S>;
  /** Counts the requests, by `source`: cache or warehouse. */
  readonly counter: { readonly name: string; readonly help: string };
  keyOf(request: R): string;
  /** Makes the answer; `now` is the clock's, epoch milliseconds. */
  respond(stored: S, request: R, now: number): object;
}

/** Something to be looked at in the warehouse when a run starts, that people should know of. */
export interface StartCheck {
  /** Looked at only if there is this table, or view, in the schema. */
  readonly table: string;
  /** One read-only statement in the SQL of both warehouses, of one row. */
  readonly sql: string;
  /** What to say of the row, if anything. */
  warning(row: readonly unknown[]): string | undefined;
}

/** How much an alert matters, in the words of Prometheus's rules: somebody is woken, somebody looks at it today, or it is good to know. */
export type Severity = "critical" | "warning" | "info";

/** What a domain has beside its pipeline, each in a file of its folder. */
export interface DomainParts {
  /** How much its alerts matter, by ALERT_TYPE; those that are left out are warnings. */
  readonly severities?: Readonly<Record<string, Severity>>;
  /** What its derived tables must be, recomputed from the raw one: see src/checks. */
  readonly checks?: (settings: Settings, domain: Domain) => Rules;
  /** What the dashboard shows of it: see src/panels. */
  readonly panels?: DomainPanels;
}

/** One of the systems that Freshet runs. `E` is its event, as the schema gives it. */
export interface Domain<E = unknown> extends DomainParts {
  readonly name: string;
  readonly topic: string;
  /** The topic that `topic` is a keyed copy of, where it is one: see src/keyed_copy.ts. */
  readonly copyOf?: string;
  /** Consumer group, unless the configuration names one. */
  readonly group: string;
  readonly schema: z.ZodType<E>;
  /** Other forms that records may have, tried in this order where they do not fit the schema. */
  readonly older?: readonly OlderForm<E>[];
  /**
   * The columns of the raw table for a record that is no event and is kept there all the same, for nothing but that;
   * `undefined` for one that is a dead letter. Without this they all are.
   */
  rawOnly?(json: unknown): Readonly<Record<string, unknown>> | undefined;
  /** The record key that a producer gives an event. */
  key(event: E): string;
  /** Epoch milliseconds, fractional down to the microsecond; `NaN` when the event's time is none. */
  eventTime(event: E): number;
  readonly time: TimeSettings;
  readonly raw: RawTable<E>;
  /** The outputs made of the events. Their names are tables of `sql`; derived ones say which columns they have there. */
  tables(events: Stream<E>): readonly Output<E>[];
  /** Text of `sql/<name>.sql`. */
  readonly sql: string;
  /**
   * Subject of the schema in a Schema Registry, such as `events-value`: where there is one, what Freshet itself produces to
   * the topic is in its wire format. Without this it is plain JSON. What is read may be either.
   */
  readonly schemaSubject?: string;
  readonly startChecks?: readonly StartCheck[];
  /** A way in over HTTP, for domains that have one. */
  readonly ingest?: IngestRoute;
  /** Ways to read its tables over HTTP, for domains that have some. */
  readonly reads?: readonly ReadRoute[];
}

/** What the tables call the results that every episode has. */
const EPISODE_NAMES = { count: "EVENT_COUNT", peak: "PEAK_VALUE" };

/** The outputs that a domain makes of its events. Without a context they are there to be looked at, not to run. */
export function outputsOf<E>(
  { tables }: Pick<Domain<E>, "tables">,
  context: StreamContext = { state: new StateBackend(), allowedLatenessMs: 0 },
): readonly Output<E>[] {
  return tables(Stream.of({ ...context, episodeNames: EPISODE_NAMES }));
}

/** The types of the domain's alerts. */
export function alertTypes(domain: Pick<Domain, "tables">): readonly string[] {
  return [...new Set(outputsOf(domain).flatMap((output) => output.kind === "episodes" ? [output.type] : []))];
}

/** How much an alert of the type matters. */
export function severityOf({ severities }: Pick<Domain, "severities">, type: string): Severity {
  return severities?.[type] ?? "warning";
}

/** A domain as its folder declares it, with the settings it asks for. */
export interface DomainModule extends DomainParts {
  readonly name: string;
  /** Environment variables, as a zod shape of strings read into values; all with defaults. */
  readonly settings: z.ZodRawShape;
  /** What a choice of one setting makes of others where they are not set: by the setting, then by the choice. */
  readonly presets?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>;
  /** Events made up from a seed. Loaded when it is asked for, with the packages that it needs. */
  readonly simulator: () => Promise<Simulator>;
  /** Text of the script that makes the derived tables as Snowflake's Dynamic Tables instead, if there is one. */
  readonly dynamicTables?: string;
  /** Makes the domain of the settings as read. */
  define(settings: Readonly<Record<string, unknown>>): Domain;
}

/** A domain but for what its module says. */
export type DomainSpec<E> = Omit<Domain<E>, "name" | "copyOf" | keyof DomainParts>;

interface Declared<S extends z.ZodRawShape, E> extends Omit<DomainModule, "settings" | "define"> {
  readonly settings: S;
  readonly define: (settings: z.infer<z.ZodObject<S>>) => DomainSpec<E>;
}

/** Ties a domain to its settings' types. */
export function domain<S extends z.ZodRawShape, E>({ define, ...module }: Declared<S, E>): DomainModule {
  const { name, severities, checks, panels } = module;
  return {
    ...module,
    // What comes out of a domain's schema goes into its own functions only, so its event type is nobody else's business.
    define: (values) =>
      ({ name, severities, checks, panels, ...define(values as z.infer<z.ZodObject<S>>) }) as unknown as Domain,
  };
}

/** The JSON Schema (draft 7, as Schema Registries take it) of the events that a schema accepts. */
export function jsonSchemaOf(schema: z.ZodType): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(schema, { target: "draft-7", io: "input" });
}
