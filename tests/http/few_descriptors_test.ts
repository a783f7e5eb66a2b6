// The whole program where files and sockets are scarce, and where something fails that nothing catches: what it has
// acknowledged is in its tables, and it ends as it should.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { FRESHET, runningOn } from "../support/shipped.ts";

const PRELOADED = fileURLToPath(new URL("../support/http/fails_when_told.ts", import.meta.url));

interface RunOptions {
  readonly descriptors?: number;
  readonly denoFlags?: readonly string[];
  /** Its log goes into a pipe that has no room left. */
  readonly intoFullPipe?: boolean;
}

/** A run of `actions` in a folder of its own. */
class Run implements AsyncDisposable {
  private constructor(readonly dataDir: string, readonly child: Deno.ChildProcess, readonly errors: Promise<string>) {}

  static async start({ descriptors = 1024, denoFlags = [], intoFullPipe = false }: RunOptions): Promise<Run> {
    const dataDir = await Deno.makeTempDir({ prefix: "freshet_descriptors_" });
    const [verb, ...freshet] = FRESHET;
    const args = [verb!, ...denoFlags, ...freshet, "run", "actions", "--no-simulate"];
    const full = `mkfifo pipe && exec 3<>pipe && head -c 65536 /dev/zero >&3 && exec "$0" "$@" 2>&3`;
    const script = `ulimit -n ${descriptors} && ${intoFullPipe ? full : 'exec "$0" "$@"'}`;
    const child = new Deno.Command("sh", {
      args: ["-c", script, Deno.execPath(), ...args],
      cwd: dataDir,
      env: {
        FRESHET_DATA_DIR: dataDir,
        FRESHET_API_PORT: "0",
        FRESHET_DASHBOARD_PORT: "0",
        FRESHET_CHECKPOINT_MS: "200",
      },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const run = new Run(dataDir, child, new Response(child.stderr).text());
    await runningOn(dataDir);
    return run;
  }

  async url(): Promise<string> {
    return (await runningOn(this.dataDir)).url;
  }

  /** Posts events, each over a connection of its own: one that was kept may be closed for another client's. */
  async post(count: number): Promise<number> {
    const url = await this.url();
    using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
    let acknowledged = 0;
    for (let n = 0; n < count; n++) {
      const body = JSON.stringify({
        user_id: `u${n}`,
        action: "click",
        page: "/",
        timestamp: new Date().toISOString(),
      });
      const headers = { "content-type": "application/json" };
      const response = await fetch(`${url}/events`, { method: "POST", headers, body, client });
      if (response.status === 200) acknowledged++;
      await response.body?.cancel();
    }
    return acknowledged;
  }

  /** Resolves when it is ready. */
  async ready(): Promise<void> {
    using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
    while (true) {
      const response = await fetch(`${await this.url()}/readyz`, { client });
      await response.body?.cancel();
      if (response.status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Rows of the raw table, when the run is over and what it left in the log is worked off. */
  async rows(): Promise<number> {
    await this.#ask("run", "actions", "--until-end");
    const [row] = JSON.parse(await this.#ask("query", "--json", "SELECT COUNT(*) AS N FROM USER_ACTIONS_RAW"));
    return row.N;
  }

  async #ask(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...FRESHET, ...args],
      cwd: this.dataDir,
      env: { FRESHET_DATA_DIR: this.dataDir },
    }).output();
    const [text, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assertEquals(code, 0, errors);
    return text!;
  }

  async [Symbol.asyncDispose]() {
    try {
      this.child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.child.status;
    await this.errors;
    await Deno.remove(this.dataDir, { recursive: true });
  }
}

const isPosix = Deno.build.os !== "windows";

for (const descriptors of [64, 256]) {
  Deno.test({
    name: `with ${descriptors} descriptors, silent connections stop neither events nor checkpoints`,
    ignore: !isPosix,
    async fn() {
      await using run = await Run.start({ descriptors });
      const port = Number(new URL(await run.url()).port);
      const silent: Deno.Conn[] = [];
      try {
        for (let n = 0; n < 2 * descriptors; n++) silent.push(await Deno.connect({ hostname: "127.0.0.1", port }));
        const acknowledged = await run.post(30);
        assertEquals(acknowledged, 30);
        await run.ready();
        run.child.kill("SIGTERM");
        assertEquals((await run.child.status).code, 0, await run.errors);
        assertEquals(await run.rows(), acknowledged);
      } finally {
        for (const connection of silent) connection.close();
      }
    },
  });
}

Deno.test({
  name: "a log pipe that is full and that nobody reads stops neither events nor checkpoints, nor the end",
  ignore: !isPosix,
  async fn() {
    await using run = await Run.start({ intoFullPipe: true });
    const acknowledged = await run.post(10);
    assertEquals(acknowledged, 10);
    await run.ready();
    run.child.kill("SIGTERM");
    assertEquals((await run.child.status).code, 0);
    assertEquals(await run.rows(), acknowledged);
  },
});

Deno.test({
  name: "what fails and nothing catches ends the run with its last checkpoint written, exit code 1 and the reason",
  ignore: !isPosix,
  async fn() {
    await using run = await Run.start({ denoFlags: ["--preload", PRELOADED] });
    const acknowledged = await run.post(10);
    await Deno.writeTextFile(`${run.dataDir}/fail_now`, "");
    const { code } = await run.child.status;
    const errors = await run.errors;
    assertEquals(code, 1, errors);
    assertStringIncludes(errors, "failed on purpose");
    assert(!errors.includes("Uncaught (in promise)"), errors);
    assertEquals(await run.rows(), acknowledged);
  },
});
