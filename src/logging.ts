// Logs: one line a message, readable on a terminal and JSON otherwise, with secrets taken out. Everything logs through
// @logtape/logtape under the category "freshet"; this file only says where the lines go and what they look like.
import { configureSync, getLogger, type Logger, type LogRecord } from "@logtape/logtape";
import type { Config } from "./config.ts";

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
  const format = options.format === "json" ? jsonLine : options.colors ? coloredLine : textLine;
  const redact = redactor(options.secrets);
  const showStacks = options.level === "debug";
  configureSync({
    reset: true,
    sinks: { lines: (record) => options.write(redact(format(record, showStacks)) + "\n") },
    loggers: [
      { category: ["freshet"], lowestLevel: options.level, sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["lines"] },
    ],
  });
}

/** The logger of a part of the program, such as a domain. */
export function loggerFor(...parts: readonly string[]): Logger {
  return getLogger(["freshet", ...parts]);
}

const SECRET_NAME = /pass(word|phrase)|secret|token|private_?key|authorization/i;
const REDACTED = "[redacted]";

/** Takes the given values out of a text, also where they are escaped as in JSON. */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const forms = new Set(secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]));
  const longestFirst = [...forms].filter((form) => form !== "").sort((a, b) => b.length - a.length);
  return (text) => longestFirst.reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text);
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
function textLine(record: LogRecord, showStacks: boolean): string {
  const { time, level, part, message, pairs } = linePieces(record, showStacks);
  return `${time} ${level.name} ${part}${message}${pairs ? `  ${pairs}` : ""}`;
}

function coloredLine(record: LogRecord, showStacks: boolean): string {
  const { time, level, part, message, pairs } = linePieces(record, showStacks);
  const dim = (text: string) => text && `\x1b[2m${text}\x1b[22m`;
  return `${dim(time)} ${level.color}${level.name}\x1b[39m \x1b[36m${part}\x1b[39m${message}${
    pairs ? `  ${dim(pairs)}` : ""
  }`;
}

function linePieces(record: LogRecord, showStacks: boolean) {
  const part = record.category.slice(1).join(".");
  const inMessage = typeof record.rawMessage === "string" ? record.rawMessage : "";
  const others = Object.entries(record.properties).filter(([name]) => !inMessage.includes(`{${name}}`));
  const pairs = others.map(([name, value]) => `${name}=${textValue(name, value, showStacks)}`);
  return {
    time: new Date(record.timestamp).toISOString().slice(11, 23),
    level: LEVELS[record.level],
    part: part ? `${part.padEnd(9)} ` : "",
    message: messageOf(record, (value) => typeof value === "number" ? value.toLocaleString("en") : String(value)),
    pairs: pairs.join(" "),
  };
}

function jsonLine(record: LogRecord, showStacks: boolean): string {
  const properties = Object.entries(record.properties)
    .map(([name, value]) => [name, SECRET_NAME.test(name) ? REDACTED : plain(value, showStacks)]);
  return JSON.stringify({
    time: new Date(record.timestamp).toISOString(),
    level: record.level,
    part: record.category.slice(1).join("."),
    message: messageOf(record),
    ...Object.fromEntries(properties),
  });
}

function messageOf(record: LogRecord, show: (value: unknown) => string = String): string {
  return record.message.map((piece, index) => index % 2 === 0 ? piece : show(plain(piece, false))).join("");
}

function textValue(name: string, value: unknown, showStacks: boolean): string {
  if (SECRET_NAME.test(name)) return REDACTED;
  const simple = plain(value, showStacks);
  const text = typeof simple === "string" ? simple : JSON.stringify(simple) ?? "";
  // deno-lint-ignore no-control-regex
  return /[\s"=\x00-\x1f\x7f]/.test(text) && !showStacks ? JSON.stringify(text) : text;
}

/** A value that JSON can hold: errors become their messages, big integers text. */
function plain(value: unknown, showStacks: boolean): unknown {
  if (value instanceof Error) return showStacks ? value.stack ?? value.message : value.message;
  if (typeof value === "bigint") return String(value);
  if (value instanceof Map) return Object.fromEntries(value);
  return value;
}
