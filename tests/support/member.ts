// A group's member in a process of its own, for tests that kill it.

import { soon } from "../contracts/log/place.ts";

/** A member in a process of its own, see contracts/log/member.ts. */
export interface Member extends AsyncDisposable {
  /** Its generations as they come. */
  readonly generations: AsyncGenerator<{ readonly partitions: readonly number[] }>;
  /** SIGKILL. */
  kill(): void;
}

/** `options` are what its log is opened with, the topic and the group. */
export function startMember(options: Readonly<Record<string, unknown>>): Member {
  const argument = JSON.stringify(options);
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", new URL("../contracts/log/member.ts", import.meta.url).href, argument],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const generations = linesOf<{ readonly partitions: readonly number[] }>(process.stdout);
  let isKilled = false;
  const kill = () => {
    if (!isKilled) process.kill("SIGKILL");
    isKilled = true;
  };
  return {
    generations,
    kill,
    async [Symbol.asyncDispose]() {
      kill();
      await process.status;
      await generations.return(undefined);
    },
  };
}

/** Waits until the member has a generation of `count` partitions. */
export async function untilPartitions(generations: Member["generations"], count: number): Promise<void> {
  while (true) {
    const { value, done } = await soon(generations.next(), `the member's generation of ${count} partitions`);
    if (done) throw new Error("The member has ended");
    if (value.partitions.length === count) return;
  }
}

/** The values of a stream of JSON, one a line. */
export async function* linesOf<T>(stream: ReadableStream<Uint8Array>): AsyncGenerator<T, undefined> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line);
  }
}
