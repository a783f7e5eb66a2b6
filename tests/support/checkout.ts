// A copy of this checkout, for tests that write into one: as `freshet new` does.

import { assertEquals } from "@std/assert";
import { tellDashboard } from "./told.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
/** Not of the checkout, or of no use in a copy. */
const LEFT_OUT = /^(\.git|\.cache|\.env|data|dist|node_modules)$/;
const SETTINGS = { FRESHET_API_PORT: "0", FRESHET_DASHBOARD_PORT: "0" };

/** Deno's arguments before those of Freshet, in the copy. */
export const FRESHET = ["run", "-A", "--quiet", "--no-check", "main.ts"];

/** A run of Freshet in the copy; ended when it is disposed of. */
export interface Running extends AsyncDisposable {
  /** The URL. */
  readonly dashboard: string;
}

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (LEFT_OUT.test(name)) continue;
    if (isDirectory) await copy(`${from}/${name}`, `${to}/${name}`);
    if (isFile) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** A copy of this checkout in a folder of its own, where files may be written. */
export class Checkout implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  static async copied(): Promise<Checkout> {
    const checkout = new Checkout(await Deno.makeTempDir({ prefix: "freshet_new_" }));
    await copy(ROOT, checkout.folder);
    return checkout;
  }

  /** Takes the bundle of the dashboard's page with it, which `deno task page` has made. */
  async takePage(): Promise<void> {
    await copy(`${ROOT}dist/page`, `${this.folder}/dist/page`);
  }

  async deno(...args: readonly string[]) {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd: this.folder,
      env: { ...SETTINGS, FRESHET_LOG_FORMAT: "text", NO_COLOR: "1" },
      stdin: "null",
    }).output();
    return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  }

  async must(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.deno(...args);
    assertEquals(code, 0, `deno ${args.join(" ")}\n${stdout}${stderr}`);
    return stdout;
  }

  /** Starts Freshet in it; resolves when its dashboard is up. */
  async run(...args: readonly string[]): Promise<Running> {
    const child = new Deno.Command(Deno.execPath(), {
      args: [...FRESHET, ...args],
      cwd: this.folder,
      env: { ...SETTINGS, FRESHET_LOG_FORMAT: "json" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const up = Promise.withResolvers<string>();
    const drained = tellDashboard(child.stderr, up);
    const stop = async () => {
      child.kill("SIGTERM");
      await child.status;
      await drained;
    };
    return { dashboard: await up.promise, [Symbol.asyncDispose]: stop };
  }

  async [Symbol.asyncDispose]() {
    await Deno.remove(this.folder, { recursive: true });
  }
}
