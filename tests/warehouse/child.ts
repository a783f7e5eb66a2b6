// A process started by a test: its lines as they come, and its end.

export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** The next line, parsed as JSON; `undefined` at the end. */
  next(): Promise<Record<string, unknown> | undefined>;
  kill(signal: Deno.Signal): void;
  /** Ends its standard input and waits for its end. */
  finish(): Promise<Deno.CommandStatus>;
}

/** Starts a script of this folder, or a shell command that runs it: `wrap` gets the command line of it. */
export function startChild(name: string, args: readonly string[], wrap?: (command: string) => string): Child {
  const script = new URL(`./${name}`, import.meta.url).pathname;
  const denoArgs = ["run", "--quiet", "--no-prompt", "--allow-all", script, ...args];
  const quoted = [Deno.execPath(), ...denoArgs].map((part) => `'${part.replaceAll("'", `'\\''`)}'`).join(" ");
  const command = wrap
    ? new Deno.Command("bash", { args: ["-c", wrap(quoted)], stdin: "piped", stdout: "piped", stderr: "inherit" })
    : new Deno.Command(Deno.execPath(), { args: denoArgs, stdin: "piped", stdout: "piped", stderr: "inherit" });
  const process = command.spawn();
  const lines = linesOf(process.stdout);
  let ended = false;
  const finish = async () => {
    if (!ended) {
      ended = true;
      await process.stdin.close().catch(() => {});
    }
    while (!(await lines.next()).done);
    return await process.status;
  };
  return {
    pid: process.pid,
    async next() {
      const { value } = await lines.next();
      return value === undefined ? undefined : JSON.parse(value);
    },
    kill: (signal) => process.kill(signal),
    finish,
    async [Symbol.asyncDispose]() {
      await finish();
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined, undefined> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
