// `config`: every setting with its value, default and meaning. Secrets are never shown.
import type { ZodType } from "zod";
import { allSettings, isSecret } from "../config/mod.ts";
import { settingMeaning, settingMeta, withoutLogins } from "../config/setting.ts";
import type { Context, Verb } from "./context.ts";
import { readEnvironment } from "./environment.ts";
import { JSON_ARRAY, jsonText } from "./json.ts";
import { textTable, wrapped } from "./rows.ts";

/** What `config --json` prints of a setting. */
interface SettingLine {
  readonly name: string;
  /** What it is set to; `null` when it is not. A secret is "(set)". */
  readonly value: string | null;
  /** `null` when there is none. */
  readonly default: string | null;
  readonly meaning: string;
}

export const addConfig: Verb = (program, context) => {
  program.command("config")
    .summary("list the settings")
    .description("Lists every setting: what it is set to (environment or .env), its default and what it means.")
    .option(...JSON_ARRAY)
    .action((flags: { readonly json?: boolean }) => listSettings(context, flags));
};

function listSettings(context: Context, { json = false }: { readonly json?: boolean }): void {
  const { stdout } = context.host;
  const lines = settingLines(context);
  if (json) stdout.write(jsonText(lines));
  else if (stdout.isTerminal) stdout.write(lines.map((line) => blockOf(line, stdout.columns)).join("\n"));
  else {
    const rows = lines.map((
      { name, value, default: byDefault, meaning },
    ) => [name, value ?? "", byDefault ?? "", meaning]);
    stdout.write(textTable(["SETTING", "SET TO", "DEFAULT", "MEANING"], rows));
  }
  context.config();
}

function settingLines(context: Context): readonly SettingLine[] {
  const settings = allSettings(context.parts.modules);
  const environment = readEnvironment(context.host.env);
  return Object.entries(settings).map(([name, schema]) => {
    const given = environment[name]?.trim();
    return {
      name,
      value: !given ? null : isSecret(name, settings) ? "(set)" : withoutLogins(given),
      default: settingMeta(schema as ZodType).default ?? null,
      meaning: settingMeaning(schema as ZodType),
    };
  });
}

/** The setting in a line, and what it means below, in lines of at most `width` characters. */
function blockOf({ name, value, default: byDefault, meaning }: SettingLine, width: number): string {
  const byDefaultText = byDefault === null ? "" : `default ${byDefault}`;
  const head = value === null
    ? `${name}${byDefaultText && `  (${byDefaultText})`}`
    : `${name} = ${value}${byDefaultText && `  (${byDefaultText})`}`;
  return `${head}\n${wrapped(meaning, width - INDENT.length).map((line) => `${INDENT}${line}\n`).join("")}`;
}

const INDENT = "    ";
