// Which schema of a Schema Registry records are written by: the settings mean what those of Confluent's serializers do
// (`auto.register.schemas`, `use.latest.version`, `normalize.schemas`, `latest.compatibility.strict`).

import { SchemaRegistryRefusedError } from "../errors.ts";
import { type Answer, isNotFound, type RegistryClient, saidIn } from "./registry_client.ts";

export interface RegistrationSettings {
  /** Whether a schema is registered that the subject has not. */
  readonly autoRegister: boolean;
  /** Whether to write by the latest schema of the subject, whatever it is; nothing is registered then. */
  readonly useLatest: boolean;
  /** Whether that one must go together with Freshet's own, by the subject's compatibility. */
  readonly isLatestStrict: boolean;
  /** Whether the registry brings schemas into one form before it compares them. */
  readonly normalize: boolean;
}

/** What Confluent's serializers do unless they are told otherwise. */
export const AS_CONFLUENT: RegistrationSettings = {
  autoRegister: true,
  useLatest: false,
  isLatestStrict: true,
  normalize: false,
};

/** So long a refusal is repeated unasked, milliseconds: each event that comes would ask for it anew. */
const REFUSED_MS = 5_000;
const MAX_SAID = 300;

export class SchemaIds {
  readonly #ids = new Map<string, Promise<number>>();
  readonly #refused = new Map<string, { readonly error: unknown; readonly atMs: number }>();

  constructor(
    private readonly client: RegistryClient,
    private readonly settings: RegistrationSettings,
    /** Epoch milliseconds. */
    private readonly now: () => number,
  ) {}

  /** See `SchemaRegistry.idOf`. */
  of(subject: string, schema: string): Promise<number> {
    const key = JSON.stringify([subject, schema]);
    const refused = this.#refused.get(key);
    if (refused && this.now() - refused.atMs < REFUSED_MS) return Promise.reject(refused.error);
    let id = this.#ids.get(key);
    if (!id) {
      id = this.settings.useLatest ? this.#latest(subject, schema) : this.#own(subject, schema);
      this.#ids.set(key, id);
      // What failed is tried again by whoever asks next.
      id.catch((error) => {
        this.#ids.delete(key);
        if (error instanceof SchemaRegistryRefusedError) this.#refused.set(key, { error, atMs: this.now() });
      });
    }
    return id;
  }

  /** Why {@link of} would be refused, without registering anything; `undefined` where it would not, as far as can be told. */
  async problem(subject: string, schema: string): Promise<string | undefined> {
    try {
      const { useLatest, autoRegister } = this.settings;
      if (useLatest || !autoRegister) await this.of(subject, schema);
      else await this.#checkRegistrable(subject, schema);
      return undefined;
    } catch (error) {
      if (error instanceof SchemaRegistryRefusedError) return error.message;
      throw error;
    }
  }

  async #checkRegistrable(subject: string, schema: string): Promise<void> {
    if (!isNotFound(await this.#post(pathOf(subject), schema))) return;
    const answer = await this.#post(`/compatibility${pathOf(subject)}/versions/latest`, schema);
    if (answer.json?.is_compatible === false) throw await this.#incompatible(subject, answer);
  }

  /** Looks first, so that a login that may only read will do when the schema is there already. */
  async #own(subject: string, schema: string): Promise<number> {
    const found = await this.#post(pathOf(subject), schema);
    if (!isNotFound(found)) return this.#idIn(found, subject);
    if (!this.settings.autoRegister) {
      throw new SchemaRegistryRefusedError(
        `${this.#at} has not Freshet's schema under "${subject}", and SCHEMA_REGISTRY_AUTO_REGISTER_SCHEMAS is false. ` +
          `Register it, or set that to true, or SCHEMA_REGISTRY_USE_LATEST_VERSION=true to write by what is there`,
      );
    }
    const registered = await this.#post(`${pathOf(subject)}/versions`, schema);
    if (registered.status === 409) throw await this.#incompatible(subject, registered);
    return this.#idIn(registered, subject);
  }

  async #latest(subject: string, schema: string): Promise<number> {
    const latest = await this.client.request("GET", `${pathOf(subject)}/versions/latest`);
    if (isNotFound(latest)) {
      throw new SchemaRegistryRefusedError(
        `${this.#at} has no schema under "${subject}", and SCHEMA_REGISTRY_USE_LATEST_VERSION=true registers none. ` +
          `Register one, or set SCHEMA_REGISTRY_AUTO_REGISTER_SCHEMAS=true instead`,
      );
    }
    const id = this.#idIn(latest, subject);
    const { schemaType = "AVRO", version } = latest.json!;
    if (schemaType !== "JSON") {
      throw new SchemaRegistryRefusedError(
        `${this.#at} has a schema of type ${schemaType} under "${subject}" (version ${version}), and what Freshet sends ` +
          `is JSON: send it by a producer of your own`,
      );
    }
    if (this.settings.isLatestStrict) await this.#checkCompatible(subject, schema, version);
    return id;
  }

  async #checkCompatible(subject: string, schema: string, version: unknown): Promise<void> {
    const answer = await this.#post(`/compatibility${pathOf(subject)}/versions/${version}?verbose=true`, schema);
    // Confluent's says why in `messages`, Apicurio's in `reason`.
    const { is_compatible: isCompatible, reason, messages = [reason] } = answer.json ?? {};
    if (answer.status !== 200 || typeof isCompatible !== "boolean") throw this.client.refusal(answer, subject);
    if (isCompatible) return;
    const [why] = Array.isArray(messages) ? messages : [];
    const said = why ? `: ${String(why).slice(0, MAX_SAID)}` : "";
    throw new SchemaRegistryRefusedError(
      `${this.#at} finds Freshet's schema incompatible with version ${version} of "${subject}"${said}. ` +
        "SCHEMA_REGISTRY_LATEST_COMPATIBILITY_STRICT=false writes by that version all the same",
    );
  }

  /** Why the subject takes no other schema, and what can be done. */
  async #incompatible(subject: string, refused: Answer): Promise<SchemaRegistryRefusedError> {
    const latest = await this.client.request("GET", `${pathOf(subject)}/versions/latest`);
    const level = await this.client.request("GET", `/config/${encodeURIComponent(subject)}?defaultToGlobal=true`);
    const { version, id } = latest.json ?? {};
    const which = latest.status === 200 ? ` (version ${version}, id ${id})` : "";
    const compatibility = level.status === 200 ? ` ${level.json?.compatibilityLevel}` : "";
    return new SchemaRegistryRefusedError(
      `${this.#at} has another schema under "${subject}"${which}, and its compatibility${compatibility} refuses ` +
        `Freshet's${saidIn(refused.json)}. Set SCHEMA_REGISTRY_USE_LATEST_VERSION=true and ` +
        "SCHEMA_REGISTRY_LATEST_COMPATIBILITY_STRICT=false to write by the schema that is there, or change the " +
        "subject's compatibility",
    );
  }

  #post(path: string, schema: string): Promise<Answer> {
    const query = this.settings.normalize ? `${path.includes("?") ? "&" : "?"}normalize=true` : "";
    return this.client.request("POST", path + query, JSON.stringify({ schemaType: "JSON", schema }));
  }

  #idIn(answer: Answer, subject: string): number {
    const id = answer.json?.id;
    if (answer.status !== 200 || !Number.isSafeInteger(id)) throw this.client.refusal(answer, subject);
    return id as number;
  }

  get #at(): string {
    return `The Schema Registry at ${this.client.url}`;
  }
}

function pathOf(subject: string): string {
  return `/subjects/${encodeURIComponent(subject)}`;
}
