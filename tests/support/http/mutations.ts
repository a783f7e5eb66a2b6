// Requests made wrong on purpose: a good one, of which a method, a path, a parameter, a header or a part of the body is
// changed, and how it is sent byte by byte, as no client library would.

import { connect } from "node:net";
import type { Random } from "../../../simulators/random.ts";

export interface RawRequest {
  readonly method: string;
  /** With its parameters. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What was answered: the status, 0 where the connection was closed without one, and the beginning of the rest. */
export interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "CONNECT", "get", "G\x00T", ""];
const HEADERS = [
  ...["content-type", "content-encoding", "transfer-encoding", "accept", "accept-encoding", "cookie", "host", "origin"],
  ...["x-forwarded-for", "x-forwarded-proto", "last-event-id", "x-request-id", "expect", "range", "if-none-match"],
  ...["sec-fetch-site", "upgrade", "connection", "content-length"],
];
const TEXTS = [
  ...["", " ", "\0", "%00", "%ff%fe", "%", "%zz", "\ud800", "\u202e", "é😀", "'", '"', "`", "\\", ";", "--", "/*"],
  ...["' OR '1'='1", "../../etc/passwd", "%2e%2e%2f", "__proto__", "constructor", "toString", "undefined", "null"],
  ...["NaN", "-1", "0", "1e400", "9007199254740993", "-0", "0x10", "1_000", "[]", "{}", "[[[[", "true", "chunked"],
  ...["x".repeat(300), "9".repeat(400), "a=b&".repeat(200), "é".repeat(3_000), "1970-01-01", "275760-09-13T00:00:00Z"],
];
const VALUES: readonly unknown[] = [
  ...[null, true, 0, -1, 1.5, 1e308, 9007199254740993, "", "x", "\ud800", [], {}, [null], { a: { b: [] } }],
  ...[
    "x".repeat(5_000),
    Array.from({ length: 500 }, () => 0),
    { __proto__: null, toString: 1 },
    "2999-01-01T00:00:00Z",
  ],
];

/** The request with one to three things changed. */
export function mutated(request: RawRequest, random: Random): RawRequest {
  let changed = request;
  for (let n = 1 + whole(random, 3); n > 0; n--) changed = changedOnce(changed, random);
  return changed;
}

function changedOnce(request: RawRequest, random: Random): RawRequest {
  const { method, target, headers, body } = request;
  switch (whole(random, body === undefined ? 6 : 10)) {
    case 0:
      return { ...request, method: one(random, METHODS) };
    case 1:
    case 2:
      return { ...request, target: `/${changedText(target.slice(1), random)}` };
    case 3:
    case 4:
      return { ...request, target: withParameter(target, random) };
    case 5:
      return { ...request, headers: { ...headers, [one(random, HEADERS)]: one(random, TEXTS) } };
    case 6:
      return { ...request, body: changedText(body ?? "", random) };
    default:
      return { method, target, headers, body: changedJson(body ?? "", random) };
  }
}

/** A parameter more, or another value for one. */
function withParameter(target: string, random: Random): string {
  const [path, query = ""] = [target.split("?", 1)[0]!, target.split("?").slice(1).join("?")];
  const parts = query.split("&").filter((part) => part !== "");
  const value = one(random, TEXTS).replaceAll("\ud800", "%ED%A0%80");
  if (parts.length === 0) return `${path}?${value}=${value}`;
  const at = whole(random, parts.length);
  const name = parts[at]!.split("=")[0]!;
  parts[at] = random.next() < 0.5 ? `${name}=${value}` : `${parts[at]}&${name}=${value}`;
  return `${path}?${parts.join("&")}`;
}

function changedText(text: string, random: Random): string {
  const [from, length] = [whole(random, text.length + 1), whole(random, 8)];
  const rest = text.slice(from + length);
  switch (whole(random, 4)) {
    case 0:
      return text.slice(0, from) + rest;
    case 1:
      return text.slice(0, from) + text.slice(from, from + length).repeat(3) + rest;
    case 2:
      return text.slice(0, from) + String.fromCharCode(whole(random, 256)) + text.slice(from + 1);
    default:
      return text.slice(0, from) + one(random, TEXTS) + text.slice(from);
  }
}

/** The JSON with another value somewhere, a name less, or twice; where it is none, as text. */
function changedJson(body: string, random: Random): string {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return changedText(body, random);
  }
  if (typeof json !== "object" || json === null || Object.keys(json).length === 0) {
    return JSON.stringify(one(random, VALUES));
  }
  const name = one(random, Object.keys(json));
  const value = JSON.stringify(one(random, VALUES));
  const twice = JSON.stringify(json).replace("{", `{${JSON.stringify(name)}:${value},`);
  const deep = `${"[".repeat(600)}${"]".repeat(600)}`;
  const fields = Object.entries(json).map(([key, field]) =>
    key === name ? [key, one(random, [value, deep, "NaN", "-0", "1e999"])] : [key, JSON.stringify(field)]
  );
  const kept = random.next() < 0.2 ? fields.filter(([key]) => key !== name) : fields;
  return random.next() < 0.1 ? twice : `{${kept.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(",")}}`;
}

const whole = (random: Random, below: number) => Math.floor(random.next() * below);
const one = <T>(random: Random, from: readonly T[]): T => from[whole(random, from.length)]!;

export interface SendOptions {
  readonly url: string;
  /** Of this machine: limits count by it. */
  readonly localAddress: string;
  /** Until something is answered, milliseconds. */
  readonly hangsAfterMs: number;
}

/** Sends it over a connection of its own. Throws when neither an answer comes nor the connection is closed. */
export async function send(request: RawRequest, { url, localAddress, hangsAfterMs }: SendOptions): Promise<RawAnswer> {
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port), localAddress });
  const answered = Promise.withResolvers<RawAnswer>();
  let text = "";
  const timer = setTimeout(
    () => answered.reject(new Error(`Nothing was answered within ${hangsAfterMs} ms`)),
    hangsAfterMs,
  );
  const answer = () => answered.resolve({ status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0), text });
  socket.setEncoding("latin1");
  socket.on("data", (piece) => {
    text += piece;
    // The status, and what a problem says of itself.
    if (/\r\n\r\n./s.test(text) || /\r\n\r\n$/.test(text) && !/^HTTP\/1\.[01] 5/.test(text)) answer();
  });
  socket.on("error", answer);
  socket.on("close", answer);
  socket.on("connect", () => socket.write(bytesOf(request)));
  try {
    return await answered.promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** As it goes over the wire: latin1 where it fits into a byte, as browsers send headers, and UTF-8 in the body. */
function bytesOf({ method, target, headers, body }: RawRequest): Uint8Array {
  const content = new TextEncoder().encode(body ?? "");
  const length = body === undefined ? {} : { "content-length": String(content.length) };
  const lines = Object.entries({ ...length, ...headers }).map(([name, value]) => `${name}: ${value}`);
  const head = [`${method} ${target} HTTP/1.1`, ...lines, "", ""].join("\r\n");
  const bytes = new Uint8Array(head.length + content.length);
  for (let i = 0; i < head.length; i++) bytes[i] = head.charCodeAt(i);
  bytes.set(content, head.length);
  return bytes;
}
