// `log check` and `log repair`: what of the embedded log is damaged, and a new file in its place with all that can be read.
import { FreshetError, LogRefusedError } from "../errors.ts";
import type { DamagedStretch, LogReport, TablePosition } from "../log/embedded/salvage.ts";
import { findRunning } from "../run_file.ts";
import type { Context, Verb } from "./context.ts";
import { JSON_OBJECT, jsonText } from "./json.ts";

export const addLog: Verb = (program, context) => {
  const log = program.command("log")
    .summary("check and repair the embedded log")
    .description("Looks at the file of the embedded log, or makes a new one of what can be read of it.");
  log.command("check")
    .description(
      "Reads the whole file and says what is damaged: the exit code is 1 if anything is. Changes nothing, and works while " +
        "`run` is up.",
    )
    .option(...JSON_OBJECT)
    .action((flags: { readonly json?: boolean }) => check(context, flags));
  log.command("repair")
    .description(
      "Puts a new file in the place of a damaged one, with all that can be read of it, and sets that one aside. Records of a " +
        "segment whose checksum is wrong become dead letters; of those that cannot be read a run tells, and goes on behind " +
        "them as FRESHET_ON_DAMAGE says. No run may be up.",
    )
    .option(...JSON_OBJECT)
    .action((flags: { readonly json?: boolean }) => repair(context, flags));
};

/** Something is damaged. */
class LogDamageFound extends FreshetError {
  readonly code = "log_damage_found";
  readonly retriable = false;
}

async function check(context: Context, { json }: { readonly json?: boolean }): Promise<void> {
  const { host } = context;
  const path = await existingLog(context);
  const { checkLogFile } = await import("../log/embedded/salvage.ts");
  let report: LogReport;
  try {
    report = checkLogFile(path);
  } catch (error) {
    report = { file: [(error as Error).message], stretches: [] };
  }
  const isWhole = report.file.length === 0 && report.stretches.length === 0;
  const lines = isWhole
    ? [`The log "${path}" is whole`]
    : [...report.file.map((line) => `pages: ${line}`), ...report.stretches.map(lineOf)];
  host.stdout.write(
    json
      ? jsonText({ file: path, is_whole: isWhole, pages: report.file, damage: report.stretches })
      : `${lines.join("\n")}\n`,
  );
  if (isWhole) return;
  throw new LogDamageFound(
    report.file.length > 0
      ? `The log "${path}" is damaged: stop the run, and "freshet log repair" keeps all that can be read`
      : `Records of the log "${path}" are damaged: a run makes dead letters of those that are doubtful, and tells of the others`,
  );
}

function lineOf({ topic, partition, from, to, kind }: DamagedStretch): string {
  return `${topic} partition ${partition}: offsets ${from} to ${to - 1} are ${kind}`;
}

async function repair(context: Context, { json }: { readonly json?: boolean }): Promise<void> {
  const { host } = context;
  const path = await existingLog(context);
  const running = await findRunning(context.config().dataDir);
  if (running) throw new LogRefusedError(`A run (pid ${running.pid}) has the log "${path}" open: stop it first`);
  const positions = await tablePositions(context);
  const { repairLogFile } = await import("../log/embedded/salvage.ts");
  const { segments, setAside } = await repairLogFile(path, { positions, clock: host.clock });
  if (json) return host.stdout.write(jsonText({ file: path, segments, set_aside: setAside }));
  host.stdout.write(
    `The log "${path}" was made anew with ${segments} segments; the damaged one is "${setAside}"\n` +
      `"freshet log check" says what could not be read: delete "${setAside}" once nobody needs it\n`,
  );
}

async function existingLog(context: Context): Promise<string> {
  const config = context.config();
  if (config.kafka) throw new LogRefusedError("Kafka is configured, not the embedded log: there is no file to look at");
  const { embeddedLogFile } = await import("../log/embedded.ts");
  const { repairedFile } = await import("../log/embedded/file.ts");
  const path = embeddedLogFile(config.dataDir);
  try {
    await Deno.stat(path).catch(() => Deno.stat(repairedFile(path)));
    return path;
  } catch (cause) {
    throw new LogRefusedError(`There is no log at "${path}": see FRESHET_DATA_DIR`, { cause });
  }
}

/** Where the tables stand, by the warehouse: none when there is none yet, or it cannot be read either. */
async function tablePositions(context: Context): Promise<readonly TablePosition[]> {
  const { parts, host } = context;
  const config = context.config();
  if (await parts.warehouseMissing(config) !== undefined) return [];
  await using warehouse = await parts.openWarehouse(config, host.clock);
  const { rows } = await warehouse.query("SELECT TOPIC, KAFKA_PARTITION, NEXT_OFFSET FROM FRESHET_OFFSETS");
  return rows.map(([topic, partition, next]) => ({
    topic: String(topic),
    partition: Number(partition),
    nextOffset: Number(next),
  }));
}
