// Logs: one line a message, readable on a terminal and JSON otherwise, with secrets taken out. Everything logs through
// @logtape/logtape under the category "freshet"; this file only says where the lines go and what they look like.
import { configureSync, getLogger, type Logger, type LogRecord } from "@logtape/logtape";
import type { Config } from "./config/mod.ts";

export interface LoggingOptions {
  readonly level: Config["logLevel"];
  readonly format: "text" | "json";
  readonly colors: boolean;
  /** Values that are replaced wherever they turn up. */
  readonly secrets: readonly string[];
  readonly write: (text: string) => void;
}

/** Sets up logging for the process; a second call replaces the first. */
export function setUpLogging(options: LoggingOptions): void {
  const redact = redactor(options.secrets);
  const cleaning = { redact, showStacks: options.level === "debug" };
  // A line of JSON is made of what is clean already: to take something out of it as a whole could break it.
  const text = options.colors ? coloredLine : textLine;
  const format = options.format === "json" ? jsonLine(redact) : (record: LogRecord) => redact(text(record));
  configureSync({
    reset: true,
    sinks: { lines: (record) => options.write(format(cleanRecord(record, cleaning)) + "\n") },
    loggers: [
      { category: ["freshet"], lowestLevel: options.level, sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["lines"] },
    ],
  });
}

/** What is logged in another thread, as plain data. */
export interface ForwardedLine {
  readonly category: readonly string[];
  readonly level: LogRecord["level"];
  readonly message: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Sets up logging for a thread: its lines are handed on to the one that writes them, with {@link logForwarded}. */
export function setUpForwarding(level: Config["logLevel"], forward: (line: ForwardedLine) => void): void {
  const sink = ({ category, level, rawMessage, properties }: LogRecord) =>
    forward({ category, level, message: String(rawMessage), properties: plain(properties) });
  configureSync({
    reset: true,
    sinks: { lines: sink },
    loggers: [
      { category: ["freshet"], lowestLevel: level, sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["lines"] },
    ],
  });
}

/** Logs what another thread has logged. */
export function logForwarded({ category, level, message, properties }: ForwardedLine): void {
  getLogger([...category])[level](message, { ...properties });
}

/** What a line says, without what cannot leave its thread. */
function plain(properties: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const isPlain = (value: unknown) => typeof value !== "function" && typeof value !== "symbol";
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => isPlain(value)));
}

/** The logger of a part of the program, such as a domain. */
export function loggerFor(...parts: readonly string[]): Logger {
  return getLogger(["freshet", ...parts]);
}

const SECRET_NAME = /pass(word|phrase)|secret|token|private_?key|authorization/i;
const REDACTED = "[redacted]";

/** So long a secret is in no word by chance: it is taken out wherever it is. */
const LONG = 16;
/** Where a word begins: not behind a letter, but behind an escape of a URL or of JSON. */
const BEGIN = /(?:(?<![\p{L}\p{N}_])|(?<=%[\dA-Fa-f]{2}|\\[bfnrt]|\\u[\dA-Fa-f]{4}))/u.source;
const END = /(?![\p{L}\p{N}_])/u.source;

/**
 * Takes the given values out of a text, also where they are escaped as in JSON. A short one only where it stands by itself: a
 * password such as "on" must not break every word that it is in.
 * Our own: @logtape/redaction knows names and patterns of secrets, not their values.
 */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const forms = new Set(secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]));
  const longestFirst = [...forms].filter((form) => form !== "").sort((a, b) => b.length - a.length);
  if (longestFirst.length === 0) return (text) => text;
  const pattern = new RegExp(longestFirst.map(patternOf).join("|"), "gu");
  return (text) => text.replace(pattern, REDACTED);
}

function patternOf(secret: string): string {
  const escaped = secret.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  if (secret.length >= LONG) return escaped;
  return `${/^[\p{L}\p{N}_]/u.test(secret) ? BEGIN : ""}${escaped}${/[\p{L}\p{N}_]$/u.test(secret) ? END : ""}`;
}

interface Cleaning {
  readonly redact: (text: string) => string;
  readonly showStacks: boolean;
}

/** The record with values that JSON can hold, without secrets. Errors become their messages, big integers text. */
function cleanRecord(record: LogRecord, cleaning: Cleaning): LogRecord {
  return {
    ...record,
    message: record.message.map((piece) => clean(piece, cleaning)),
    properties: clean(record.properties, cleaning) as Record<string, unknown>,
  };
}

function clean(value: unknown, cleaning: Cleaning): unknown {
  if (typeof value === "string") return cleaning.redact(value);
  if (typeof value === "bigint") return cleaning.redact(String(value));
  if (typeof value === "number") return cleaning.redact(String(value)) === String(value) ? value : REDACTED;
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return cleaning.redact((cleaning.showStacks && value.stack) || value.message);
  if (Array.isArray(value)) return value.map((item) => clean(item, cleaning));
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const cleaned = (name: string, item: unknown) => SECRET_NAME.test(name) ? REDACTED : clean(item, cleaning);
  return Object.fromEntries(
    entries.map(([name, item]) => [cleaning.redact(String(name)), cleaned(String(name), item)]),
  );
}

const LEVELS: Readonly<Record<LogRecord["level"], { readonly name: string; readonly color: string }>> = {
  trace: { name: "TRACE", color: "\x1b[90m" },
  debug: { name: "DEBUG", color: "\x1b[90m" },
  info: { name: "INFO ", color: "\x1b[32m" },
  warning: { name: "WARN ", color: "\x1b[33m" },
  error: { name: "ERROR", color: "\x1b[31m" },
  fatal: { name: "FATAL", color: "\x1b[31;1m" },
};

/** `14:03:07.120 INFO  trains  Checkpoint  records=192 lag=0` */
function textLine(record: LogRecord): string {
  const { time, level, part, message, pairs } = linePieces(record);
  return `${time} ${level.name} ${part}${message}${pairs ? `  ${pairs}` : ""}`;
}

function coloredLine(record: LogRecord): string {
  const { time, level, part, message, pairs } = linePieces(record);
  const dim = (text: string) => text && `\x1b[2m${text}\x1b[22m`;
  const tail = pairs ? `  ${dim(pairs)}` : "";
  return `${dim(time)} ${level.color}${level.name}\x1b[39m \x1b[36m${part}\x1b[39m${message}${tail}`;
}

function linePieces(record: LogRecord) {
  const part = record.category.slice(1).join(".");
  const inMessage = typeof record.rawMessage === "string" ? record.rawMessage : "";
  const others = Object.entries(record.properties).filter(([name]) => !inMessage.includes(`{${name}}`));
  return {
    time: new Date(record.timestamp).toISOString().slice(11, 23),
    level: LEVELS[record.level],
    part: part ? `${part.padEnd(9)} ` : "",
    message: visible(
      messageOf(record, (value) => typeof value === "number" ? value.toLocaleString("en") : textOf(value)),
    ),
    pairs: others.map(([name, value]) => `${name}=${quoted(textOf(value))}`).join(" "),
  };
}

const jsonLine = (redact: (text: string) => string) => (record: LogRecord): string =>
  JSON.stringify({
    time: new Date(record.timestamp).toISOString(),
    level: record.level,
    part: record.category.slice(1).join("."),
    // Its pieces are clean; together they could say what each of them does not.
    message: redact(messageOf(record, textOf)),
    ...record.properties,
  });

function messageOf(record: LogRecord, show: (value: unknown) => string): string {
  return record.message.map((piece, index) => index % 2 === 0 ? piece : show(piece)).join("");
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "";
}

function quoted(text: string): string {
  return /[\s"=]/.test(text) && !text.includes("\n") ? JSON.stringify(text) : visible(text);
}

/** Data must not be able to move the terminal's cursor. Line breaks stay, for stacks. */
function visible(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
