// A question that somebody at a terminal answers with yes or no.
import { type Context, UsageError } from "./context.ts";

/** Whether the answer was yes. Throws `UsageError` where nobody can answer. */
export async function confirmed({ host }: Context, question: string): Promise<boolean> {
  // Where a secret can be asked for, somebody sits at a terminal.
  if (!host.askSecret) throw new UsageError(`${question} Nobody can answer here: say --yes`);
  host.stderr.write(`${question} (yes/no) `);
  let answer = "";
  for await (const text of host.stdin.pipeThrough(new TextDecoderStream())) {
    answer += text;
    if (answer.includes("\n")) break;
  }
  return /^y(es)?$/i.test(answer.trim());
}
