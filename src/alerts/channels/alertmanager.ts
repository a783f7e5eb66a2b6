// Posts alerts to Prometheus's Alertmanager by its API v2 (prometheus.io/docs/alerting/latest/clients): an alert is what its
// labels are, raised while endsAt is ahead, resolved when it has passed. What is not told again until then is taken for
// resolved, so active ones are, once a minute, as Prometheus does it.
import { type AlertMessage, type Channel, subjectOf } from "../channel.ts";
import { post } from "./http_post.ts";

export interface AlertmanagerOptions {
  readonly url: string;
  readonly timeoutMs: number;
  /** The wall clock, epoch milliseconds. */
  readonly now: () => number;
}

const REMIND_MS = 60_000;
/** As Prometheus: four times the interval. */
const LASTS_MS = 4 * REMIND_MS;
const AT_ONCE = 100;

export function alertmanager({ url, timeoutMs, now }: AlertmanagerOptions): Channel {
  const { endpoint, headers } = endpointOf(url);
  const send = async (messages: readonly AlertMessage[], signal: AbortSignal) => {
    // One request knows an alert once: what is over is over.
    const last = new Map(messages.map((message) => [message.alertId, message]));
    const body = JSON.stringify([...last.values()].map((message) => alertOf(message, now())));
    await post({ url: endpoint, body, headers, timeoutMs, signal });
  };
  return {
    name: "alertmanager",
    description: `Alertmanager at ${URL.parse(url)?.host ?? "an address"}`,
    atOnce: AT_ONCE,
    send,
    reminder: {
      everyMs: REMIND_MS,
      async remind(active, signal) {
        for (let i = 0; i < active.length; i += AT_ONCE) await send(active.slice(i, i + AT_ONCE), signal);
      },
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** One alert of the body; `now` is the wall clock, epoch milliseconds. */
export function alertOf(message: AlertMessage, now: number): Readonly<Record<string, unknown>> {
  const { type, severity, domain, labels, alertId, threshold, peakValue, url } = message;
  const own = Object.entries(labels).map(([name, value]) => [labelName(name), value]);
  return {
    labels: { alertname: type, severity, domain, ...Object.fromEntries(own), alert_id: alertId },
    annotations: {
      summary: `${type}: ${subjectOf(message)}`,
      ...peakValue !== null && { peak_value: String(peakValue) },
      ...threshold !== null && { threshold: String(threshold) },
    },
    startsAt: message.startedAt,
    // Alertmanager refuses an alert that ends before it starts, which one whose clock is ahead of this one would.
    endsAt: later(
      message.startedAt,
      message.event === "cleared" ? message.at : new Date(now + LASTS_MS).toISOString(),
    ),
    ...url !== null && { generatorURL: url },
  };
}

const later = (a: string, b: string): string => Date.parse(a) > Date.parse(b) ? a : b;

/** Names of labels are letters, digits and underscores, small by habit. */
function labelName(column: string): string {
  return column.toLowerCase().replaceAll(/[^a-z0-9_]/g, "_").replace(/^(?=\d)/, "_");
}

/** The address without login, which goes into a header: fetch takes none in an address. */
function endpointOf(address: string): { readonly endpoint: string; readonly headers: Record<string, string> } {
  const url = new URL(address);
  const { username, password } = url;
  url.username = url.password = "";
  const endpoint = `${url.href.replace(/\/+$/, "")}/api/v2/alerts`;
  if (username === "") return { endpoint, headers: {} };
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const bytes = String.fromCharCode(...new TextEncoder().encode(login));
  return { endpoint, headers: { authorization: `Basic ${btoa(bytes)}` } };
}
