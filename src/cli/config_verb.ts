// `config`: every setting with its value, default and meaning. Secrets are never shown.
import type { ZodType } from "zod";
import { allSettings, isSecret } from "../config/mod.ts";
import { settingMeaning, settingMeta, withoutLogins } from "../config/setting.ts";
import type { Context, Verb } from "./context.ts";
import { readEnvironment } from "./environment.ts";
import { textTable } from "./rows.ts";

export const addConfig: Verb = (program, context) => {
  program.command("config")
    .summary("list the settings")
    .description("Lists every setting: what it is set to (environment or .env), its default and what it means.")
    .action(() => listSettings(context));
};

function listSettings(context: Context): void {
  const settings = allSettings(context.parts.modules);
  const environment = readEnvironment(context.host.env);
  const rows = Object.entries(settings).map(([name, schema]) => {
    const given = environment[name]?.trim();
    const shown = !given ? "" : isSecret(name, settings) ? "(set)" : withoutLogins(given);
    return [name, shown, settingMeta(schema as ZodType).default ?? "", settingMeaning(schema as ZodType)];
  });
  context.host.stdout.write(textTable(["SETTING", "SET TO", "DEFAULT", "MEANING"], rows));
  context.config();
}
