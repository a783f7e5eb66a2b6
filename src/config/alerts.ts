// Settings of alerts that leave the process: who is told, and how long that is tried. Nobody is, unless one is set.
import type * as z from "zod";
import * as s from "./setting.ts";

const HTTP_URL = { schemes: ["http:", "https:"], form: "an http or https URL" };

/** What is no base64 would be left out of the key, to the last of it: whoever knows that could sign. */
const SECRET = /^(?!whsec_)\S{16,}$|^whsec_[A-Za-z0-9+/_-]{22,}={0,2}$/;

/** The address of a webhook is often its password: none of it is ever shown. */
const webhook = (meaning: string) =>
  s.textOrNone({ form: "an http or https URL", pattern: /^https?:\/\/[^\s/]\S*$/, secret: true }, meaning);

export const ALERT_SETTINGS = {
  FRESHET_ALERT_WEBHOOK: webhook("URL to which each alert is posted as JSON when it is raised and when it is cleared."),
  FRESHET_ALERT_WEBHOOK_SECRET: s.textOrNone(
    { form: "16 characters or more, or whsec_ and base64", pattern: SECRET, secret: true },
    "Key that posts to FRESHET_ALERT_WEBHOOK are signed with, by the Standard Webhooks: HMAC-SHA256 in the header webhook-signature.",
  ),
  FRESHET_ALERT_SLACK_WEBHOOK: webhook(
    "Incoming webhook of Slack, or of what takes the same, to which alerts are written.",
  ),
  FRESHET_ALERT_ALERTMANAGER_URL: s.urlOrNone(
    HTTP_URL,
    "Prometheus Alertmanager, such as http://alertmanager:9093, that gets alerts by its API v2 and routes them.",
  ),
  FRESHET_ALERT_SMTP_URL: s.urlOrNone(
    { schemes: ["smtp:", "smtps:"], form: "smtp://host:587, or smtps://user:password@host:465" },
    "Mail server for alerts by e-mail; needs FRESHET_ALERT_MAIL_FROM and FRESHET_ALERT_MAIL_TO.",
  ),
  FRESHET_ALERT_MAIL_FROM: s.textOrNone(
    { form: "an e-mail address", pattern: s.MAIL_ADDRESS },
    "Who mails of alerts are from.",
  ),
  FRESHET_ALERT_MAIL_TO: s.mailAddressesOrNone("Who gets mails of alerts."),
  FRESHET_ALERT_TOPICS: s.flagOrNone(
    "Whether alerts go to the topic <domain>.alerts of the log, too, which is made where it is missing.",
  ),
  FRESHET_ALERT_DASHBOARD_URL: s.addressOrNone(
    "Address by which people reach the dashboard, for the links in messages.",
  ),
  FRESHET_ALERT_MAX_AGE_SECONDS: s.whole(
    { min: 1, unit: "seconds", default: 3_600 },
    "An alert that was seen last longer ago than this when it is found is history, which nobody is told of.",
  ),
  FRESHET_ALERT_GIVE_UP_SECONDS: s.whole(
    { min: 1, unit: "seconds", default: 21_600 },
    "For how long a message that cannot be delivered is tried again before it is a dead letter in ALERT_DELIVERIES.",
  ),
  FRESHET_ALERT_TIMEOUT_MS: s.whole(
    { min: 100, unit: "milliseconds", default: 10_000 },
    "How long a receiver may take for one message.",
  ),
};

/** A kind of receiver. */
export type AlertChannelName = "webhook" | "slack" | "mail" | "topic" | "alertmanager";

export interface AlertConfig {
  readonly webhook: { readonly url: string; readonly secret: string | undefined } | undefined;
  readonly slack: { readonly url: string } | undefined;
  readonly alertmanager: { readonly url: string } | undefined;
  readonly mail: { readonly url: string; readonly from: string; readonly to: readonly string[] } | undefined;
  /** Whether there are topics of alerts. */
  readonly topic: boolean;
  readonly dashboardUrl: string | undefined;
  readonly maxAgeMs: number;
  readonly giveUpMs: number;
  readonly timeoutMs: number;
}

type Values = { readonly [Name in keyof typeof ALERT_SETTINGS]: z.output<(typeof ALERT_SETTINGS)[Name]> };

export function alertConfig(v: Values): AlertConfig {
  const { FRESHET_ALERT_SMTP_URL: smtp, FRESHET_ALERT_MAIL_FROM: from, FRESHET_ALERT_MAIL_TO: to } = v;
  const atUrl = (url: string | undefined) => url === undefined ? undefined : { url };
  return {
    webhook: v.FRESHET_ALERT_WEBHOOK === undefined
      ? undefined
      : { url: v.FRESHET_ALERT_WEBHOOK, secret: v.FRESHET_ALERT_WEBHOOK_SECRET },
    slack: atUrl(v.FRESHET_ALERT_SLACK_WEBHOOK),
    alertmanager: atUrl(v.FRESHET_ALERT_ALERTMANAGER_URL),
    mail: smtp !== undefined && from !== undefined && to !== undefined ? { url: smtp, from, to } : undefined,
    topic: v.FRESHET_ALERT_TOPICS ?? false,
    dashboardUrl: v.FRESHET_ALERT_DASHBOARD_URL,
    maxAgeMs: v.FRESHET_ALERT_MAX_AGE_SECONDS * 1_000,
    giveUpMs: v.FRESHET_ALERT_GIVE_UP_SECONDS * 1_000,
    timeoutMs: v.FRESHET_ALERT_TIMEOUT_MS,
  };
}

/** Which channels are set up. */
export function alertChannels(alerts: AlertConfig): readonly AlertChannelName[] {
  const names = ["webhook", "slack", "mail", "topic", "alertmanager"] as const;
  return names.filter((name) => Boolean(alerts[name]));
}

/** Settings that others make necessary: the name, why, and the form. */
export function missingForAlerts(given: Readonly<Record<string, string>>): [string, string, string][] {
  if (!given.FRESHET_ALERT_SMTP_URL) return [];
  const missing = ["FRESHET_ALERT_MAIL_FROM", "FRESHET_ALERT_MAIL_TO"].filter((name) => !given[name]);
  return missing.map((name) => [name, "FRESHET_ALERT_SMTP_URL is set", "an e-mail address"]);
}

/** What looks like a mistake. */
export function doubtfulAlerts(given: Readonly<Record<string, string>>): string[] {
  const warnings: string[] = [];
  const idle = ["FRESHET_ALERT_MAIL_FROM", "FRESHET_ALERT_MAIL_TO"].filter((name) => given[name]);
  if (idle.length > 0 && !given.FRESHET_ALERT_SMTP_URL) {
    warnings.push(`${idle.join(", ")} set, but not FRESHET_ALERT_SMTP_URL: no mail is sent`);
  }
  if (given.FRESHET_ALERT_WEBHOOK_SECRET && !given.FRESHET_ALERT_WEBHOOK) {
    warnings.push("FRESHET_ALERT_WEBHOOK_SECRET set, but not FRESHET_ALERT_WEBHOOK: nothing is posted");
  }
  if (given.FRESHET_ALERT_WEBHOOK && !given.FRESHET_ALERT_WEBHOOK_SECRET) {
    warnings.push(
      "FRESHET_ALERT_WEBHOOK set without FRESHET_ALERT_WEBHOOK_SECRET: the receiver cannot tell that alerts are from Freshet",
    );
  }
  return warnings;
}
