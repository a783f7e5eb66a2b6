// The real program asked by schemathesis, by its own description: no server error, no answer outside of the description, and
// nothing acknowledged that the pipelines then refuse.
import { assert, assertEquals } from "@std/assert";
import { schemathesis, whyNoSchemathesis } from "../support/http/schemathesis.ts";
import { FRESHET, runningOn } from "../support/shipped.ts";

const EXAMPLES = Number(Deno.env.get("FRESHET_RUNS") ?? 150);
const SEED = Deno.env.get("FRESHET_SEED") ?? "1";
const TOKEN = "schemathesis-token";

const skip = await whyNoSchemathesis();
if (skip !== undefined) console.info(`The API is not asked by schemathesis: ${skip}`);

function program(dataDir: string, ...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [...FRESHET, ...args],
    env: {
      FRESHET_DATA_DIR: dataDir,
      FRESHET_API_PORT: "0",
      FRESHET_DASHBOARD_PORT: "0",
      FRESHET_API_TOKEN: TOKEN,
      FRESHET_RATE_LIMIT: "0",
      FRESHET_LOG_FORMAT: "json",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Has the program asked; fails when an answer was not as described. */
async function ask(dataDir: string): Promise<void> {
  const { code, text } = await schemathesis(
    "run",
    `${(await runningOn(dataDir)).url}/openapi.json`,
    "--checks=all",
    // A time or a statement has rules beyond its JSON Schema: text that is no time is refused with 422.
    "--exclude-checks=positive_data_acceptance",
    `--max-examples=${EXAMPLES}`,
    `--seed=${SEED}`,
    "--continue-on-failure",
    "--header",
    `Authorization: Bearer ${TOKEN}`,
  );
  // It ends with another code when a check has failed. Warnings (that much of what it made up is refused) are no failures.
  assertEquals(code, 0, text);
  const [, passed] = /(\d+) passed/.exec(text.slice(text.indexOf("Test cases:")))!;
  console.log(`${passed} requests`);
  assert(Number(passed) > EXAMPLES);
}

Deno.test({
  name:
    "the API answers what its description says, whatever it is sent, and acknowledges nothing that is refused later",
  ignore: skip !== undefined,
  async fn() {
    const dataDir = await Deno.makeTempDir();
    try {
      // For the routes that answer about somebody.
      assertEquals((await program(dataDir, "simulate", "circadian", "--days", "1").output()).code, 0);
      const child = program(dataDir, "run", "--no-simulate");
      const output = child.output();
      try {
        await ask(dataDir);
      } finally {
        child.kill("SIGTERM");
      }
      const log = new TextDecoder().decode((await output).stderr);
      assert(!log.includes('"level":"error"'), log);
      assert(!log.includes(TOKEN), "the token must not be logged");
      const last = await program(dataDir, "run", "--until-end").output();
      assertEquals(last.code, 0);
      const asked = await program(
        dataDir,
        "query",
        "SELECT (SELECT COUNT(*) FROM RIDE_REQUESTS) + (SELECT COUNT(*) FROM USER_ACTIONS) N, (SELECT COUNT(*) FROM DEAD_LETTERS) DEAD",
        "--json",
      ).output();
      const [{ N, DEAD }] = JSON.parse(new TextDecoder().decode(asked.stdout));
      console.log(`${N} events accepted by the pipelines, ${DEAD} refused`);
      assert(Number(N) > 0);
      assertEquals(Number(DEAD), 0);
    } finally {
      await Deno.remove(dataDir, { recursive: true });
    }
  },
});
