// Writes each message into a channel of Slack, by an incoming webhook; others (Mattermost, Rocket.Chat) take the same form.
// Such a webhook knows no idempotency key: the message shows its id, so that people can tell a repeat.
import { type AlertMessage, type Channel, subjectOf } from "../channel.ts";
import { post } from "./http_post.ts";

export interface SlackOptions {
  readonly url: string;
  readonly timeoutMs: number;
}

const SIGNS = { critical: ":red_circle:", warning: ":large_yellow_circle:", info: ":large_blue_circle:" };

export function slack({ url, timeoutMs }: SlackOptions): Channel {
  return {
    name: "slack",
    description: `Slack at ${URL.parse(url)?.host ?? "an address"}`,
    atOnce: 1,
    async send(messages: readonly AlertMessage[], signal: AbortSignal) {
      for (const message of messages) {
        await post({ url, body: JSON.stringify(slackBody(message)), timeoutMs, signal });
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** The body: `text` is what notifications show, `blocks` what the channel shows. */
export function slackBody(message: AlertMessage): Readonly<Record<string, unknown>> {
  const { event, type, severity, domain, url, threshold } = message;
  const sign = event === "raised" ? SIGNS[severity] : ":white_check_mark:";
  const state = event === "raised" ? "raised" : "cleared";
  const head = `${sign} *${escaped(type)}* ${state}: ${escaped(subjectOf(message))}`;
  const peak = message.peakValue === null
    ? []
    : [`Peak ${message.peakValue}${threshold === null ? "" : ` of ${threshold}`}`];
  const over = message.clearedAt === null ? [] : [`Cleared ${message.clearedAt}`];
  const lines = [`Since ${message.startedAt}`, ...over, ...peak, `${severity}, ${domain}`];
  const link = url === null ? "" : `\n<${url}|Open the dashboard>`;
  return {
    text: `${head} (${domain}, ${severity})`,
    blocks: [
      { type: "section", text: { type: "mrkdwn", text: `${head}\n${escaped(lines.join(" · "))}${link}` } },
      { type: "context", elements: [{ type: "mrkdwn", text: message.id }] },
    ],
  };
}

/** Slack's own marks in a text (docs.slack.dev: escaping text). */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
