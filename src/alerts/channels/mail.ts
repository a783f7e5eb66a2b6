// Mails each message over SMTP. Its Message-ID is made of the idempotency key, so that mail programs show a repeat once, and
// what clears an alert answers the mail that raised it: both are one thread.
import { createHash } from "node:crypto";
import { type AlertMessage, type Channel, MessageRefusedError, subjectOf, titleOf } from "../channel.ts";

export interface MailOptions {
  /** `smtp://` or `smtps://`, with user and password where the server wants them. */
  readonly url: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly timeoutMs: number;
}

/** What is used of the mail client. */
interface Transport {
  sendMail(mail: Readonly<Record<string, unknown>>): Promise<unknown>;
  close(): void;
}

interface MailClient {
  createTransport(options: Readonly<Record<string, unknown>>): Transport;
}

export function mail(options: MailOptions): Channel {
  const { from, to, url } = options;
  let transport: Transport | undefined;
  return {
    name: "mail",
    description: `mail to ${to.join(", ")} by ${URL.parse(url)?.host ?? "a server"}`,
    atOnce: 1,
    async send(messages: readonly AlertMessage[]) {
      transport ??= await openTransport(options);
      for (const message of messages) await sendBy(transport, { from, to: to.join(", "), ...mailOf(message, from) });
    },
    async [Symbol.asyncDispose]() {
      await Promise.resolve(transport?.close());
    },
  };
}

async function openTransport({ url, timeoutMs }: MailOptions): Promise<Transport> {
  const { default: client } = await import("nodemailer") as unknown as { readonly default: MailClient };
  const { protocol, hostname, port, username, password } = new URL(url);
  const secure = protocol === "smtps:";
  const isHere = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
  return client.createTransport({
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? (secure ? 465 : 587) : Number(port),
    secure,
    // A password goes over no line that others can read.
    requireTLS: !secure && username !== "" && !isHere,
    ...username !== "" && { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } },
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
  });
}

async function sendBy(transport: Transport, mail: Readonly<Record<string, unknown>>): Promise<void> {
  try {
    await transport.sendMail(mail);
  } catch (error) {
    const { responseCode, code, message } = error as Error & { responseCode?: number; code?: string };
    const text = `The mail server: ${message.replaceAll(/\s+/g, " ").slice(0, 200)}`;
    // A server that refuses a login, or is not there, may be mended; one that refuses the mail itself will again.
    if (responseCode !== undefined && responseCode >= 500 && code !== "EAUTH") throw new MessageRefusedError(text);
    throw new Error(text);
  }
}

/** Subject, text and headers. */
function mailOf(message: AlertMessage, from: string): Readonly<Record<string, unknown>> {
  const { event, alertId, domain, url, clearedAt, peakValue, threshold } = message;
  const host = from.slice(from.lastIndexOf("@") + 1);
  const thread = `<alert.${createHash("sha256").update(`${domain} ${alertId}`).digest("hex").slice(0, 32)}@${host}>`;
  const lines = [
    `${message.type} was ${event}: ${subjectOf(message)}`,
    "",
    `Domain     ${domain}`,
    `Severity   ${message.severity}`,
    ...Object.entries(message.labels).map(([name, value]) => `${name.padEnd(10)} ${value}`),
    `Since      ${message.startedAt}`,
    ...clearedAt === null ? [] : [`Cleared    ${clearedAt}`],
    ...peakValue === null ? [] : [`Peak       ${peakValue}`],
    ...threshold === null ? [] : [`Threshold  ${threshold}`],
    `Alert      ${alertId}`,
    ...url === null ? [] : ["", url],
  ];
  return {
    subject: titleOf(message),
    text: lines.join("\n"),
    messageId: `<${message.id}@${host}>`,
    // A thread without a mail of its own that both belong to.
    references: thread,
    inReplyTo: thread,
  };
}
