// A Schema Registry with Confluent's API: how the schemas that records name are read, and the id of a schema that records are
// written by. Remembers both, so that a registry that is down stops new schemas, not known ones. Knows nothing of records.

import type { WrittenSchema, WrittenSchemas } from "./log.ts";
import { type Answer, isNotFound, RegistryClient, type RegistryClientSettings } from "./registry_client.ts";
import { AS_CONFLUENT, type RegistrationSettings, SchemaIds } from "./schema_ids.ts";
import { compileSchema, type SchemaReference } from "./schemas/mod.ts";
import type { SchemaRef } from "./wire_format.ts";

export interface SchemaRegistrySettings extends RegistryClientSettings {
  /** As Confluent's serializers do when left out. */
  readonly registration?: RegistrationSettings;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

/** A registry's replica may not know yet what was just registered at another: what is unknown is asked for once more. */
const ASK_AGAIN_MS = 500;
/** How long an unknown id is not asked for again, and how many are remembered. */
const UNKNOWN_MS = 60_000;
const MAX_UNKNOWN = 10_000;
/** So many schemas may one lead to. */
const MAX_REFERENCES = 200;

/** A schema that another refers to, as registries say it. */
interface Reference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

export class SchemaRegistry implements WrittenSchemas {
  readonly #client: RegistryClient;
  readonly #ids: SchemaIds;
  readonly #now: () => number;
  readonly #schemas = new Map<SchemaRef, WrittenSchema>();
  /** When each was found to be unknown, epoch milliseconds. */
  readonly #unknown = new Map<SchemaRef, number>();
  readonly #asked = new Map<SchemaRef, Promise<void>>();

  constructor(settings: SchemaRegistrySettings) {
    this.#now = settings.now ?? Date.now;
    this.#client = new RegistryClient(settings);
    this.#ids = new SchemaIds(this.#client, settings.registration ?? AS_CONFLUENT, this.#now);
  }

  /** For people: the address. */
  get description(): string {
    return this.#client.url;
  }

  of(schema: SchemaRef): WrittenSchema | undefined {
    return this.#schemas.get(schema);
  }

  /** Whether {@link learn} would ask the registry. */
  mustAsk(schema: SchemaRef): boolean {
    if (this.#schemas.has(schema)) return false;
    const unknownSince = this.#unknown.get(schema);
    return unknownSince === undefined || this.#now() - unknownSince > UNKNOWN_MS;
  }

  /**
   * Asks for schemas: {@link of} knows them afterwards, or they are unknown to the registry, too.
   * Rejects with `SchemaRegistryUnavailableError` or `SchemaRegistryRefusedError`.
   */
  async learn(schemas: Iterable<SchemaRef>): Promise<void> {
    const asking = [...schemas].filter((schema) => this.mustAsk(schema)).map((schema) => {
      let asked = this.#asked.get(schema);
      if (!asked) {
        asked = this.#ask(schema).finally(() => this.#asked.delete(schema));
        this.#asked.set(schema, asked);
      }
      return asked;
    });
    const failed = (await Promise.allSettled(asking)).find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  }

  /**
   * The id of the schema (JSON Schema as text) to write under the subject, as the settings say. Rejects as {@link learn}
   * does, also when the registry or the settings leave no schema to write by.
   */
  async idOf(subject: string, schema: string): Promise<number> {
    const id = await this.#ids.of(subject, schema);
    this.#schemas.set(id, { type: "JSON" });
    return id;
  }

  /** Why {@link idOf} would be refused; asks, and registers nothing. Rejects with `SchemaRegistryUnavailableError`. */
  problemOf(subject: string, schema: string): Promise<string | undefined> {
    return this.#ids.problem(subject, schema);
  }

  /** Ends what is under way: it rejects. */
  close(): void {
    this.#client.close();
  }

  async #ask(schema: SchemaRef): Promise<void> {
    const json = await this.#get(typeof schema === "number" ? `/schemas/ids/${schema}` : `/schemas/guids/${schema}`);
    if (json !== undefined) {
      this.#schemas.set(schema, await this.#compile(json));
      this.#unknown.delete(schema);
      return;
    }
    if (this.#unknown.size >= MAX_UNKNOWN) this.#unknown.delete(this.#unknown.keys().next().value!);
    this.#unknown.set(schema, this.#now());
  }

  async #compile(json: NonNullable<Answer["json"]>): Promise<WrittenSchema> {
    // A schema without a type is Avro, the type that was there first.
    const type = String(json.schemaType ?? "AVRO").toUpperCase();
    if (type === "JSON") return { type };
    const references = new Map<string, SchemaReference>();
    const missing = await this.#collect(referencesIn(json), references);
    if (missing !== undefined) return { type, problem: missing };
    return await compileSchema({ type, schema: String(json.schema), references: [...references.values()] });
  }

  /** Fetches what is referred to, each after what it refers to itself. Returns what is wrong with it, if anything is. */
  async #collect(
    references: readonly Reference[],
    into: Map<string, SchemaReference>,
    path: readonly string[] = [],
  ): Promise<string | undefined> {
    for (const { name, subject, version } of references) {
      const key = JSON.stringify([subject, version]);
      if (into.has(key)) continue;
      const told = `it refers to "${name}", version ${version} of "${subject}"`;
      if (path.includes(key)) return `${told}, which refers back to it`;
      if (into.size + path.length >= MAX_REFERENCES) return `it leads to more than ${MAX_REFERENCES} others`;
      // Schemas that were deleted since are still what older records were written by.
      const json = await this.#get(`/subjects/${encodeURIComponent(subject)}/versions/${version}?deleted=true`);
      if (json === undefined) return `${told}, which the Schema Registry does not know`;
      const problem = await this.#collect(referencesIn(json), into, [...path, key]);
      if (problem !== undefined) return problem;
      into.set(key, { name, schema: String(json.schema) });
    }
  }

  /** What is at the path; `undefined` when the registry says twice that it does not know it. */
  async #get(path: string): Promise<Answer["json"]> {
    for (let again = true;; again = false) {
      const answer = await this.#client.request("GET", path);
      if (answer.status === 200 && answer.json !== undefined) return answer.json;
      // Registries before GUIDs do not know the path at all.
      const isUnknownPath = path.startsWith("/schemas/guids/") && answer.status === 404;
      if (!isNotFound(answer) && !isUnknownPath) throw this.#client.refusal(answer);
      if (!again) return undefined;
      await this.#client.pause(ASK_AGAIN_MS);
    }
  }
}

function referencesIn({ references }: NonNullable<Answer["json"]>): readonly Reference[] {
  if (!Array.isArray(references)) return [];
  return references.map(({ name, subject, version }) => ({
    name: String(name),
    subject: String(subject),
    version: Number(version),
  }));
}
