// The command line: finds the verb, runs it, and turns what goes wrong into one message and an exit code.
// Each verb is a file beside this one.
import { Command, CommanderError } from "commander";
import { redactor } from "../logging.ts";
import type { Parts } from "../parts.ts";
import { Context, isUsage, type Verb } from "./context.ts";
import { addCompletion } from "./completion.ts";
import { addConfig } from "./config_verb.ts";
import { addCost } from "./cost.ts";
import { type Host, SignalReceived, UncaughtFailure } from "./host.ts";
import { addDeadLetters } from "./dead_letters.ts";
import { addHealth } from "./health.ts";
import { addDoctor } from "./doctor/mod.ts";
import { addKeygen } from "./keygen.ts";
import { addLint } from "./lint.ts";
import { addLog } from "./log.ts";
import { addMigrate } from "./migrate.ts";
import { addNew } from "./new/mod.ts";
import { addProduce } from "./produce.ts";
import { addQuery } from "./query.ts";
import { addReplay } from "./replay/mod.ts";
import { addRun } from "./run.ts";
import { addSimulate } from "./simulate.ts";
import { addSkip } from "./skip.ts";
import { addSql } from "./sql.ts";
import { addStatus } from "./status.ts";
import { addTables } from "./tables.ts";
import { addTail } from "./tail.ts";
import { addTopics } from "./topics.ts";
import { versionText } from "./version.ts";

export * from "./host.ts";
export * from "./queued_output.ts";
export * from "./secret_prompt.ts";
export * from "./stop_signals.ts";

/** As help lists them. */
const GROUPS: readonly (readonly [heading: string, verbs: readonly Verb[]])[] = [
  ["Run:", [addRun, addSimulate, addProduce]],
  ["Look:", [addStatus, addHealth, addTables, addQuery, addTopics, addTail, addDeadLetters]],
  ["Check and mend:", [addDoctor, addReplay, addSkip, addLog]],
  ["Set up:", [addConfig, addMigrate, addSql, addKeygen, addCost, addCompletion]],
  ["Write domains:", [addNew, addLint]],
];

/** Exit codes. */
export const OK = 0;
export const FAILURE = 1;
export const USAGE = 2;

/** Runs the command line; resolves with the exit code, never rejects. */
export async function runCommandLine(host: Host, parts: Parts): Promise<number> {
  const context = new Context(host, parts);
  try {
    const version = host.args.some((arg) => arg === "-V" || arg === "--version") ? await versionText() : "";
    await buildProgram(context, version).parseAsync([...host.args], { from: "user" });
    return host.signal.reason instanceof UncaughtFailure ? report(host.signal.reason, context) : OK;
  } catch (error) {
    return report(error, context);
  }
}

function buildProgram(context: Context, version: string): Command {
  const { stdout, stderr } = context.host;
  const program = new Command("freshet")
    .description("Reads Kafka topics, aggregates them in windows and writes raw and derived tables, exactly once.")
    .version(version, "-V, --version", "print the version, the commit and the versions of what it is made of")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [verb]", "print help for a verb")
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => stdout.columns,
      getErrHelpWidth: () => stderr.columns,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      outputError: (text, write) => write(text.replace(/^error: /, "freshet: ")),
    })
    // Their arguments are in their own help: a line of the list fits a terminal.
    .configureHelp({ subcommandTerm: (verb) => verb.name() })
    .showSuggestionAfterError()
    .showHelpAfterError('"freshet --help" lists the verbs')
    .exitOverride();
  for (const [heading, verbs] of GROUPS) {
    program.commandsGroup(heading);
    for (const add of verbs) add(program, context);
  }
  program.commandsGroup("Help:");
  // Subcommands are made by the verbs: they get the program's way of printing and ending too.
  const inherit = (command: Command) => {
    for (const child of command.commands) {
      child.copyInheritedSettings(command).showHelpAfterError(`"${pathOf(child)} --help" says what it takes`);
      inherit(child);
    }
  };
  inherit(program);
  return program.addHelpText("after", '\nSettings come from the environment and .env: "freshet config" lists them.');
}

/** The words that call it, such as "freshet log check". */
function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

function report(error: unknown, context: Context): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? OK : USAGE;
  if (error instanceof SignalReceived) return error.exitCode;
  const config = context.configIfRead();
  const redact = redactor(config?.secrets ?? []);
  const debug = (config?.logLevel ?? context.host.env.FRESHET_LOG_LEVEL) === "debug";
  for (const one of error instanceof AggregateError ? error.errors : [error]) {
    context.host.stderr.write(redact(`freshet: ${debug ? stackOf(one) : messageOf(one)}`) + "\n");
  }
  return isUsage(error) ? USAGE : FAILURE;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\ncaused by: ${stackOf(error.cause)}`;
  return (error.stack ?? messageOf(error)) + cause;
}
