// What the stream of a browser tells: the state of the pipelines, alerts, and the panels of its page, each when it is time to.
import type { Clock } from "../../clock.ts";
import type { DomainStatus } from "../../engine/status.ts";
import { loggerFor } from "../../logging.ts";
import type { Warehouse } from "../../warehouse/warehouse.ts";
import { Live } from "./live.ts";
import type { NoteKeeper } from "./note_routes.ts";
import { LivePanels, type PanelPageOptions, type ShownPanels } from "./panel_answers.ts";
import type { LiveStatus } from "./protocol.ts";

export interface LiveNewsOptions extends PanelPageOptions {
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

const alertTopic = (domain: string) => `alerts/${domain}`;

/** What a browser may be told of beside panels. */
export function newsTopics(shown: readonly ShownPanels[]): ReadonlySet<string> {
  return new Set(["status", ...shown.map(({ domain }) => alertTopic(domain))]);
}

export function createLive(options: LiveNewsOptions): Live {
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
function statusTeller({ statuses, clock }: LiveNewsOptions): (live: Live) => void {
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
  { shown, answers, settings, warehouse }: LiveNewsOptions,
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
