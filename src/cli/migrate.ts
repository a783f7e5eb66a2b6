// `migrate`: creates the tables, or says what it would do.
import { scriptsOf } from "../parts.ts";
import { findRunning } from "../run_file.ts";
import type { Context, Verb } from "./context.ts";
import { WarehouseRefusedError } from "../errors.ts";

export const addMigrate: Verb = (program, context) => {
  program.command("migrate")
    .summary("create the tables")
    .description("Applies the sections of the domains' SQL that the warehouse does not have yet. `run` does it too.")
    .option("--dry-run", "print the statements and change nothing")
    .action((flags: { readonly dryRun?: boolean }) => migrate(context, flags));
};

async function migrate(context: Context, { dryRun = false }: { readonly dryRun?: boolean }): Promise<void> {
  const { host, parts } = context;
  const config = context.config();
  const running = await findRunning(config.dataDir);
  if (running) {
    throw new WarehouseRefusedError(`A run (pid ${running.pid}) is up: it has migrated already. Stop it to migrate`);
  }
  await Deno.mkdir(config.dataDir, { recursive: true });
  await using warehouse = await parts.openWarehouse(config, host.clock);
  const steps = await warehouse.migrate(scriptsOf(context.domains()), { dryRun });
  if (steps.length === 0) host.stdout.write(`${warehouse.description}: nothing to do\n`);
  for (const { name, version, title, statements } of steps) {
    host.stdout.write(`${dryRun ? "would apply" : "applied"} ${name} version ${version}: ${title}\n`);
    if (dryRun) host.stdout.write(statements.map((statement) => `${statement.trim()};\n`).join("\n") + "\n");
  }
}
