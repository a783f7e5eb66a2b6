// Posts each message as JSON, signed by the Standard Webhooks (standardwebhooks.com), for which there are libraries in most
// languages: headers webhook-id, webhook-timestamp and webhook-signature.
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import type { AlertMessage, Channel } from "../channel.ts";
import { jsonOf } from "../message.ts";
import { post } from "./http_post.ts";

export interface WebhookOptions {
  readonly url: string;
  /** Without one nothing is signed. */
  readonly secret: string | undefined;
  readonly timeoutMs: number;
  /** The wall clock, epoch milliseconds. */
  readonly now: () => number;
}

export function webhook({ url, secret, timeoutMs, now }: WebhookOptions): Channel {
  return {
    name: "webhook",
    description: `webhook at ${URL.parse(url)?.host ?? "an address"}`,
    atOnce: 1,
    async send(messages: readonly AlertMessage[], signal: AbortSignal) {
      for (const message of messages) {
        const body = jsonOf(message);
        const timestamp = String(Math.floor(now() / 1000));
        const headers: Record<string, string> = { "webhook-id": message.id, "webhook-timestamp": timestamp };
        if (secret !== undefined) {
          headers["webhook-signature"] = signature(secret, `${message.id}.${timestamp}.${body}`);
        }
        await post({ url, body, headers, timeoutMs, signal });
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** `v1,` and the HMAC-SHA256 in base64; a secret `whsec_…` is base64 of the key, any other is the key itself. */
function signature(secret: string, content: string): string {
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : secret;
  return `v1,${createHmac("sha256", key).update(content).digest("base64")}`;
}
