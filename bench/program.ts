// The real program as the benchmarks start it, and what it uses.

/** What the task `freshet` starts, with these arguments: the program itself, whose pid is that of what is started. */
export async function freshet(
  ...verb: readonly string[]
): Promise<{ readonly args: string[]; readonly env: Record<string, string> }> {
  const { tasks: { freshet: { command } } } = JSON.parse(await Deno.readTextFile("deno.json"));
  const words: string[] = command.split(" ");
  const settings = words.slice(0, words.indexOf("deno")).map((word) => word.split("="));
  return { args: [...words.slice(words.indexOf("deno") + 1), ...verb], env: Object.fromEntries(settings) };
}

/** The program on a folder, and where its dashboard is. */
export class Program implements AsyncDisposable {
  private constructor(
    private readonly child: Deno.ChildProcess,
    private readonly pid: number,
    /** Of the folder's own, for who asks on this machine. */
    readonly token: string,
    readonly api: string,
    readonly dashboard: string,
  ) {}

  static async start(dir: string, domain = "trains"): Promise<Program> {
    const { args, env } = await freshet("run", domain, "--no-simulate");
    const child = new Deno.Command(Deno.execPath(), {
      args,
      env: {
        ...env,
        FRESHET_DATA_DIR: dir,
        FRESHET_API_PORT: "0",
        FRESHET_DASHBOARD_PORT: "0",
        FRESHET_LOG_FORMAT: "json",
      },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const up = Promise.withResolvers<readonly [api: string, dashboard: string]>();
    let said = "";
    child.stderr.pipeThrough(new TextDecoderStream()).pipeTo(
      new WritableStream({
        write(text) {
          if (said.length < 20_000) said += text;
          const [, api, dashboard] = /"url":"([^"]+)","dashboard":"([^"]+)"/.exec(said) ?? [];
          if (api && dashboard) up.resolve([api, dashboard]);
        },
      }),
    );
    child.status.then(() => up.reject(new Error(`The program has ended:\n${said}`)));
    const [api, dashboard] = await up.promise;
    const { pid, token } = JSON.parse(await Deno.readTextFile(`${dir}/freshet.run.json`));
    return new Program(child, pid, token, api, dashboard);
  }

  /** Records that it has brought into the tables since its start. */
  async records(): Promise<number> {
    const { domains: [domain] } = await (await fetch(`${this.api}/api/status`)).json();
    return domain.totals.records;
  }

  /** Resident memory, now and at its peak, in MB, and processor time in seconds. By cat, as Deno itself keeps /proc to itself. */
  async usage(): Promise<{ readonly rssMb: number; readonly peakMb: number; readonly cpuS: number }> {
    const cat = async (file: string) => {
      const { stdout } = await new Deno.Command("cat", { args: [`/proc/${this.pid}/${file}`] }).output();
      return new TextDecoder().decode(stdout);
    };
    const status = await cat("status");
    const [rssMb, peakMb] = ["VmRSS", "VmHWM"].map((name) =>
      Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) / 1024
    ) as [number, number];
    // Fields after the name in brackets: the 12th and 13th are user and system time in hundredths of a second.
    const fields = (await cat("stat")).split(") ")[1]!.split(" ");
    return { rssMb, peakMb, cpuS: (Number(fields[11]) + Number(fields[12])) / 100 };
  }

  /** Ends it at once: it has no time for anything. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.child.kill("SIGTERM");
    } catch {
      // It has ended.
    }
    await this.child.status;
  }
}
