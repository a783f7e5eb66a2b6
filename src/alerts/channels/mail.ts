// Mails each message over SMTP. Its Message-ID is made of the idempotency key, so that mail programs show a repeat once, and
// what clears an alert answers the mail that raised it: both are one thread.
import { createHash } from "node:crypto";
import { Deadline } from "../../deadline.ts";
import { type AlertMessage, type Channel, MessageRefusedError, subjectOf, titleOf } from "../channel.ts";

export interface MailOptions {
  /** `smtp://` or `smtps://`, with user and password where the server wants them. */
  readonly url: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly timeoutMs: number;
}

/** Of one recipient whom the server has not taken the mail for. */
interface Rejection {
  readonly recipient: string;
  readonly message: string;
  readonly responseCode?: number;
}

/** What is used of the mail client. */
interface Transport {
  /** Resolves when the server has taken it for somebody. */
  sendMail(mail: Readonly<Record<string, unknown>>): Promise<{ readonly rejectedErrors?: readonly Rejection[] }>;
  close(): void;
}

interface MailClient {
  createTransport(options: Readonly<Record<string, unknown>>): Transport;
}

/** A server answers so often before it has taken a mail: greeting, login, sender, recipients, the mail itself. */
const ANSWERS = 6;
/** Of so many mails it is known who is still to get them. */
const MAX_OWED = 1_000;

export function mail(options: MailOptions): Channel {
  const { from, to, url, timeoutMs } = options;
  let transport: Transport | undefined;
  /** By the id of a message that the server has taken for some: for whom it has not. */
  const owed = new Map<string, readonly string[]>();
  const sendOne = async (message: AlertMessage) => {
    transport ??= await openTransport(options);
    const envelope = { from, to: owed.get(message.id) ?? to };
    const mail = { from, to: to.join(", "), envelope, ...mailOf(message, from) };
    const rejected = await sendBy(transport, mail, ANSWERS * timeoutMs);
    owed.delete(message.id);
    if (rejected.length === 0) return;
    owed.set(message.id, rejected.map(({ recipient }) => recipient));
    if (owed.size > MAX_OWED) owed.delete(owed.keys().next().value!);
    throw rejectionOf(rejected);
  };
  return {
    name: "mail",
    description: `mail to ${to.join(", ")} by ${URL.parse(url)?.host ?? "a server"}`,
    atOnce: 1,
    async send(messages: readonly AlertMessage[]) {
      for (const message of messages) await sendOne(message);
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

/** Resolves with whom the server has not taken the mail for, when it has taken it for others. */
async function sendBy(
  transport: Transport,
  mail: Readonly<Record<string, unknown>>,
  timeoutMs: number,
): Promise<readonly Rejection[]> {
  const late = () => new Error(`it has not taken it within ${timeoutMs} ms`);
  using deadline = new Deadline({ timeoutMs, late });
  try {
    return (await deadline.within(transport.sendMail(mail))).rejectedErrors ?? [];
  } catch (error) {
    const { responseCode, code, message } = error as Error & { responseCode?: number; code?: string };
    const text = `The mail server: ${message.replaceAll(/\s+/g, " ").slice(0, 200)}`;
    // A server that refuses a login or TLS, or is not there, may be mended; one that refuses the mail itself will again.
    const isOfMail = code === "EENVELOPE" || code === "EMESSAGE";
    if (isOfMail && responseCode !== undefined && responseCode >= 500) throw new MessageRefusedError(text);
    throw new Error(text);
  }
}

function rejectionOf(rejected: readonly Rejection[]): Error {
  const said = rejected.map(({ recipient, message }) => `${recipient} (${message.replaceAll(/\s+/g, " ")})`).join(", ");
  const text = `The mail server has taken it for others, and not for ${said.slice(0, 500)}`;
  const isForGood = rejected.every(({ responseCode }) => responseCode !== undefined && responseCode >= 500);
  return isForGood ? new MessageRefusedError(text) : new Error(text);
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
