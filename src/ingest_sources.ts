// The domains' ways in over HTTP, tied to the log: what arrives at the same time is written to it together.
// The one place where HTTP's side and the log's side of an event meet.
import type { EventNow } from "./clock.ts";
import type { Config } from "./config/mod.ts";
import type { IngestSource } from "./http/mod.ts";
import type { BatchedProducer } from "./log/batched_producer.ts";
import { asProduced } from "./keyed_copy.ts";
import type { Domain } from "./domains/domain.ts";
import { OlderForms } from "./engine/older_forms.ts";

/** Gives the function that makes a domain's next event, as of now or of the time that this process simulates. */
export type EventMaker = (domain: Domain) => () => unknown;

export interface IngestSourcesOptions {
  readonly group: Pick<BatchedProducer, "produce">;
  readonly config: Pick<Config, "time">;
  /** Without it no route generates events. */
  readonly makeEvents?: EventMaker;
  readonly eventNow?: EventNow;
  /** What must be in the log before events from outside. */
  readonly before?: Promise<unknown>;
}

/** One source for each of the domains that declares a route. */
export function ingestSources(domains: readonly Domain[], options: IngestSourcesOptions): readonly IngestSource[] {
  return domains.map(asProduced).flatMap((domain) =>
    domain.ingest === undefined ? [] : [sourceOf(domain, domain.ingest, options)]
  );
}

function sourceOf(
  domain: Domain,
  route: NonNullable<Domain["ingest"]>,
  { group, config, makeEvents, eventNow, before }: IngestSourcesOptions,
): IngestSource {
  return {
    domain: domain.name,
    topic: domain.topic,
    path: route.path,
    summary: route.summary,
    example: route.example,
    timeField: route.timeField,
    schema: domain.schema,
    older: domain.older && new OlderForms(domain, domain.older),
    key: (event) => domain.key(event),
    eventTime: (event) => domain.eventTime(event),
    maxFutureSkewMs: config.time.maxFutureSkewMs ?? domain.time.maxFutureSkewMs,
    generate: route.generates ? makeEvents?.(domain) : undefined,
    simulatedNow: eventNow?.(domain),
    async publish(events) {
      await before;
      return await group.produce(
        domain.topic,
        events.map(({ key, value, timestamp }) => ({
          key,
          value,
          timestamp,
          bytes: maxBytesOf(key) + maxBytesOf(value),
        })),
      );
    },
  };
}

/** An upper bound for text, which is all that the queue's limit needs. */
function maxBytesOf(content: string | Uint8Array): number {
  return typeof content === "string" ? content.length * 3 : content.length;
}
