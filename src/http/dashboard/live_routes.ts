// The stream that every browser has: the state of the pipelines, alerts, and the panels of its page.
import type { Context, Hono } from "hono";
import type { Clock } from "../../clock.ts";
import type { DomainStatus } from "../../engine/status.ts";
import { loggerFor } from "../../logging.ts";
import type { Warehouse } from "../../warehouse/warehouse.ts";
import { clientOf } from "../client_address.ts";
import { failure } from "./failure.ts";
import { Live } from "./live.ts";
import type { NoteKeeper } from "./note_routes.ts";
import { LivePanels, type PanelPageOptions, panelTopic, type ShownPanels } from "./panel_answers.ts";
import { MAX_ASKED } from "./panel_routes.ts";
import type { LiveStatus } from "./protocol.ts";

export interface LiveRouteOptions extends PanelPageOptions {
  /** Changes when a domain's tables may have changed. */
  readonly version: (domain: string) => string | number;
  readonly statuses: () => readonly DomainStatus[];
  readonly clock: Pick<Clock, "now" | "monotonic">;
  readonly warehouse: Pick<Warehouse, "freshness">;
  readonly notes: Pick<NoteKeeper, "version">;
}

/** How often it is looked whether a checkpoint has brought alerts, and how often the state of the pipelines is told. */
const LOOK_EVERY_MS = 100;
const STATUS_EVERY_MS = 1_000;
/** The state is told so often while nothing of it changes: it has the server's clock in it, and says that the server lives. */
const SAME_STATUS_EVERY_MS = 5_000;
const HEARTBEAT_MS = 15_000;
const MAX_CLIENTS = 100;
const MAX_CLIENTS_PER_ADDRESS = 25;
const TOO_MANY_VIEWERS =
  `At most ${MAX_CLIENTS} browsers are told of changes at a time, ${MAX_CLIENTS_PER_ADDRESS} of one address`;
/** Seconds between two looks at a panel, unless told. */
const EVERY_S = 5;
const MOST_EVERY_S = 3600;

const alertTopic = (domain: string) => `alerts/${domain}`;

export function createLive(options: LiveRouteOptions): Live {
  const { shown, answers, settings, clock, version, notes, warehouse } = options;
  const status = statusTeller(options);
  const alerts = alertTeller(options);
  const panels = new LivePanels({
    ...{ shown, answers, settings, clock, version },
    freshMs: warehouse.freshness.isFree ? 0 : undefined,
    edition: () => notes.version,
    publish: (topic, data, essence) => live.publish(topic, data, essence),
  });
  const live: Live = new Live({
    everyMs: LOOK_EVERY_MS,
    heartbeatMs: HEARTBEAT_MS,
    maxClients: MAX_CLIENTS,
    maxClientsPerAddress: MAX_CLIENTS_PER_ADDRESS,
    tick(topics) {
      // Not after alerts that take long: who hears nothing takes the server for gone.
      if (topics.has("status")) status(live);
      panels.tick(topics);
    },
    look: (topics) => alerts(live, topics),
  });
  return live;
}

/** Tells the state of the pipelines, when it is time to. */
function statusTeller({ statuses, clock }: LiveRouteOptions): (live: Live) => void {
  let toldAt = -Infinity;
  return (live) => {
    if (clock.monotonic() - toldAt < STATUS_EVERY_MS) return;
    toldAt = clock.monotonic();
    const domains = statuses();
    live.publish("status", { now: clock.now(), domains } satisfies LiveStatus, [
      domains,
      Math.floor(toldAt / SAME_STATUS_EVERY_MS),
    ]);
  };
}

/** Looks at the alerts of the domains that somebody listens to. */
function alertTeller(
  { shown, answers, settings, warehouse }: LiveRouteOptions,
): (live: Live, topics: ReadonlySet<string>) => Promise<void> {
  const complained = new Set<string>();
  return async (live, topics) => {
    for (const { domain, alerts } of shown) {
      if (alerts === undefined || !topics.has(alertTopic(domain))) continue;
      try {
        const { alertsMs: freshMs } = warehouse.freshness;
        const answer = await answers.shared(domain, "alerts", (ask) => alerts({ ask, settings, domain }), { freshMs });
        live.publish(alertTopic(domain), answer, answer.data);
        complained.delete(domain);
      } catch (error) {
        if (complained.has(domain)) continue;
        complained.add(domain);
        loggerFor("dashboard").warn("The alerts cannot be read: {error}", { domain, error: (error as Error).message });
      }
    }
  };
}

/**
 * `GET /api/live?topic=…&ask=…&every=…&have=…`: `topic` is `status` or `alerts/<domain>`, `ask` a panel as `GET /api/panels`
 * takes it, looked at every so many seconds (0: whenever its tables have changed), `have` the ids of the events that the
 * browser has of each of these, with commas between them.
 */
export function liveRoute(
  app: Hono,
  live: Live,
  { shown, addressOf }: { readonly shown: readonly ShownPanels[]; readonly addressOf: (c: Context) => string },
): void {
  const offered = new Set(["status", ...shown.map(({ domain }) => alertTopic(domain))]);
  app.get("/api/live", (c) => {
    const asked = c.req.queries("ask") ?? [];
    const everyS = Number(c.req.query("every") ?? EVERY_S);
    if (asked.length > MAX_ASKED || !Number.isInteger(everyS) || everyS < 0 || everyS > MOST_EVERY_S) {
      return failure(
        ...[c, 400, "bad_request"] as const,
        `Say ask=domain/panel?parameters ${MAX_ASKED} times at most, and every=seconds, ${MOST_EVERY_S} at most`,
      );
    }
    const named = (c.req.queries("topic") ?? []).map((topic) => ({ topic, name: topic }));
    const panels = asked.map((ask, n) => ({ topic: panelTopic(ask, everyS), name: `ask-${n}` }));
    const ids = (c.req.query("have") ?? "").split(",");
    const wanted = [...named, ...panels].map((one, n) => ({ ...one, id: ids[n] ?? "" }))
      .filter(({ topic, name }) => topic !== name || offered.has(topic));
    const topics = new Map(wanted.map(({ topic, name }) => [topic, name]));
    const have = new Map(wanted.map(({ topic, id }) => [topic, id]));
    const listener = { address: addressOf(c), connection: clientOf(c).connection };
    const stream = live.open({ topics, have }, listener);
    if (!stream) {
      c.header("retry-after", "30");
      return failure(c, 503, "too_many_viewers", TOO_MANY_VIEWERS);
    }
    return c.body(stream, 200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  });
}
