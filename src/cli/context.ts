// What every verb gets: the host, the configuration (read when first asked for) and the parts of the program.
import type { Command } from "commander";
import type { Simulator } from "../../simulators/simulator.ts";
import { type Config, readConfig } from "../config/mod.ts";
import { ConfigError, FreshetError } from "../errors.ts";
import { loggerFor, setUpLogging } from "../logging.ts";
import type { Domain } from "../domains/domain.ts";
import type { Parts } from "../parts.ts";
import { closest } from "../suggest.ts";
import { readEnvironment } from "./environment.ts";
import { type Host, SignalReceived } from "./host.ts";
import { LiveBlock } from "./live_block.ts";

/** The command line was used wrongly. The message says how to use it. */
export class UsageError extends FreshetError {
  readonly code = "usage";
  readonly retriable = false;
}

/** The text of a file that the command line names. Errors: `UsageError` when it cannot be read. */
export async function textOfFile(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new UsageError(`Cannot read "${path}": ${(cause as Error).message}`, { cause });
  }
}

/** A verb: adds its command to the program. */
export type Verb = (program: Command, context: Context) => void;

/** What a verb works with. */
export class Context {
  #config: Config | undefined;
  #domains: readonly Domain[] | undefined;
  #isForPrograms = false;
  /** What stays at the bottom of the terminal. */
  #below: LiveBlock | undefined;

  constructor(readonly host: Host, readonly parts: Parts) {}

  /** The configuration, and logging set up as it says. Throws `ConfigError`. */
  config(): Config {
    if (this.#config) return this.#config;
    const config = readConfig(readEnvironment(this.host.env), this.parts.modules);
    setUpLogging({
      level: config.logLevel,
      format: this.#logFormat(config),
      colors: this.colors,
      secrets: config.secrets,
      write: (text) => this.tell(text),
    });
    for (const warning of config.warnings) loggerFor("config").warn("{warning}", { warning });
    return this.#config = config;
  }

  /** Log lines are for programs, whatever the settings say. */
  logAsJson(): void {
    this.#isForPrograms = true;
  }

  #logFormat({ logFormat }: Config): "text" | "json" {
    if (this.#isForPrograms) return "json";
    return logFormat === "auto" ? (this.host.stderr.isTerminal ? "text" : "json") : logFormat;
  }

  /** Writes lines to standard error: above what stays at the bottom of the terminal. */
  tell(text: string): void {
    if (this.#below) this.#below.above(text);
    else this.host.stderr.write(text);
  }

  /** Lines that stay at the bottom of the terminal, where a person sits at one that can draw; else `undefined`. */
  openBelow(): LiveBlock | undefined {
    const { stderr, env } = this.host;
    if (!stderr.isTerminal || !this.forPeople || env.TERM === "dumb") return undefined;
    return this.#below = new LiveBlock(stderr);
  }

  /** Whether a person reads standard error, rather than a program. */
  get forPeople(): boolean {
    return this.#logFormat(this.config()) === "text";
  }

  /** Whether standard error takes colors. */
  get colors(): boolean {
    return this.host.stderr.isTerminal && !this.host.env.NO_COLOR;
  }

  /** The configuration if it has been read and is right. */
  configIfRead(): Config | undefined {
    return this.#config;
  }

  /** Leaves at once, with the code that fits: for shutdowns that do not end. */
  giveUp(message: string): never {
    this.#below?.[Symbol.dispose]();
    this.host.stderr.write(`freshet: ${message}\n`);
    const reason: unknown = this.host.signal.reason;
    return this.host.exit(reason instanceof SignalReceived ? reason.exitCode : 1);
  }

  /** All domains. */
  domains(): readonly Domain[] {
    return this.#domains ??= this.parts.domains(this.config());
  }

  /** The simulator of a domain. */
  async simulatorOf({ name }: Domain): Promise<Simulator> {
    return await this.parts.modules.find((module) => module.name === name)!.simulator();
  }

  /** The domains of these names, all when there are none. Throws `UsageError`. */
  domainsNamed(names: readonly string[]): readonly Domain[] {
    if (names.length === 0) return this.domains();
    return [...new Set(names)].map((name) => this.domainNamed(name));
  }

  /** Throws `UsageError` with a suggestion. */
  domainNamed(name: string): Domain {
    const known = this.domains();
    const found = known.find((domain) => domain.name === name);
    if (found) return found;
    const names = known.map((domain) => domain.name);
    const near = closest(name, names);
    throw new UsageError(
      `There is no domain "${name}"${near ? `, did you mean "${near}"?` : "."} Domains: ${names.join(", ")}`,
    );
  }
}

/** Whether the error is the user's to mend in the command or the settings. */
export function isUsage(error: unknown): boolean {
  return error instanceof UsageError || error instanceof ConfigError;
}

/** Parser of an option that is a number. Commander names the option in the error it makes of it. */
export function numberOption(
  { min, max = Infinity, whole = false }: { readonly min: number; readonly max?: number; readonly whole?: boolean },
): (text: string) => number {
  return (text) => {
    const value = Number(text.replaceAll("_", ""));
    if (text.trim() !== "" && value >= min && value <= max && (!whole || Number.isSafeInteger(value))) return value;
    const range = max === Infinity ? `at least ${min}` : `from ${min} to ${max}`;
    throw new UsageError(`"${text}" is not ${whole ? "a whole number" : "a number"} ${range}`);
  };
}
