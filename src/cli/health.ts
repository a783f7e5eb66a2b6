// `health`: asks the run that is up how it is, for health checks of containers and service managers.
import { FreshetError } from "../errors.ts";
import { ask, findRunning } from "../run_file.ts";
import type { Context, Verb } from "./context.ts";

/** A health check waits no longer, milliseconds. */
const TIMEOUT_MS = 5_000;

/** No run answers, or the one that does is not well. */
class UnhealthyError extends FreshetError {
  readonly code = "unhealthy";
  readonly retriable = true;
}

export const addHealth: Verb = (program, context) => {
  program.command("health")
    .summary("ask the run that is up how it is")
    .description(
      "Asks the run that uses the data folder, and ends with 0 when it is well. For health checks: --live says whether it " +
        "should be started again, --ready whether it does its work.",
    )
    .option("--live", "whether it makes progress (the default)")
    .option("--json", "as one JSON object, which is how it answers anyhow")
    .option("--ready", "whether it has its partitions and reaches the warehouse")
    .action((flags: { readonly ready?: boolean }) => health(context, flags.ready ? "/readyz" : "/livez"));
};

/** Errors: `UnhealthyError` with what the run says of itself. */
async function health(context: Context, path: "/livez" | "/readyz"): Promise<void> {
  const { dataDir } = context.config();
  const instance = await findRunning(dataDir);
  if (!instance) throw new UnhealthyError(`No "freshet run" that answers uses the folder "${dataDir}"`);
  const response = await ask(instance, "GET", path, { timeoutMs: TIMEOUT_MS });
  const text = (await response.text()).trim();
  if (!response.ok) {
    throw new UnhealthyError(`The run (pid ${instance.pid}) answers ${response.status} to ${path}: ${text}`);
  }
  context.host.stdout.write(`${text}\n`);
}
