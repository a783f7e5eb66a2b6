// A log with a Schema Registry: what is produced to topics with a schema goes out in the wire format, and records are
// delivered once the registry has said what it knows of the schemas they name. Knows no domains and no adapters.

import type { Clock } from "../clock.ts";
import type {
  Generation,
  Log,
  Membership,
  NewRecord,
  ProduceOptions,
  RecordPosition,
  SubscribeOptions,
  Subscription,
  TopicInfo,
  TopicSpec,
} from "./log.ts";
import { RegisteredGeneration } from "./registered_generation.ts";
import { SchemaRegistry, type SchemaRegistrySettings } from "./schema_registry.ts";
import { framedRecord } from "./wire_format.ts";

/** What a topic's records are written by. */
export interface TopicSchema {
  /** Such as `events-value`. */
  readonly subject: string;
  /** JSON Schema, as text. */
  readonly schema: string;
}

export interface RegisteredLogOptions {
  readonly log: Log;
  /** Closed with the log. */
  readonly registry: SchemaRegistry;
  /** By topic. */
  readonly schemas: ReadonlyMap<string, TopicSchema>;
  readonly clock: Clock;
  readonly onWarning: (message: string) => void;
}

/** Puts a registry beside a log; what is returned closes both. */
export function openRegisteredLog(
  options: Omit<RegisteredLogOptions, "registry"> & { readonly registry: SchemaRegistrySettings },
): Log {
  return new RegisteredLog({ ...options, registry: new SchemaRegistry(options.registry) });
}

export class RegisteredLog implements Log {
  readonly #options: RegisteredLogOptions;

  constructor(options: RegisteredLogOptions) {
    this.#options = options;
  }

  get kind(): Log["kind"] {
    return this.#options.log.kind;
  }

  get description(): string {
    return `${this.#options.log.description}, schemas of ${this.#options.registry.description}`;
  }

  get schemas(): SchemaRegistry {
    return this.#options.registry;
  }

  topics(names?: readonly string[]): Promise<readonly TopicInfo[]> {
    return this.#options.log.topics(names);
  }

  createTopics(specs: readonly TopicSpec[]): Promise<readonly string[]> {
    return this.#options.log.createTopics(specs);
  }

  committed(topic: string, group: string): Promise<ReadonlyMap<number, number>> {
    return this.#options.log.committed(topic, group);
  }

  /** Also rejects with `SchemaRegistryUnavailableError` or `SchemaRegistryRefusedError`; then nothing was written. */
  async produce(
    topic: string,
    records: readonly NewRecord[],
    options?: ProduceOptions,
  ): Promise<readonly RecordPosition[]> {
    const { log, registry, schemas } = this.#options;
    const schema = schemas.get(topic);
    if (!schema || records.length === 0 || options?.asIs) return await log.produce(topic, records, options);
    const id = await registry.idOf(schema.subject, schema.schema);
    return await log.produce(topic, records.map((record) => framedRecord(id, record)), options);
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    this.#forewarn(options.topic);
    return new RegisteredSubscription(await this.#options.log.subscribe(options), this.#options);
  }

  /** Says before the first record is sent that none can be. */
  #forewarn(topic: string): void {
    const { registry, schemas, onWarning } = this.#options;
    const schema = schemas.get(topic);
    if (!schema) return;
    registry.problemOf(schema.subject, schema.schema).then((problem) => {
      if (problem !== undefined) onWarning(`Nothing can be sent to "${topic}": ${problem}`);
      // A registry that is away is told when it is needed.
    }, () => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.registry.close();
    await this.#options.log[Symbol.asyncDispose]();
  }
}

class RegisteredSubscription implements Subscription {
  constructor(private readonly inner: Subscription, private readonly options: RegisteredLogOptions) {}

  async nextGeneration(): Promise<Generation> {
    return new RegisteredGeneration(await this.inner.nextGeneration(), this.options);
  }

  membership(): Membership {
    return this.inner.membership();
  }

  rejoin(): Promise<void> {
    return this.inner.rejoin();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.inner[Symbol.asyncDispose]();
  }
}
