// What a run tells on its log when it is up, for tests that start one.

/** Tells the dashboard's address when the program does, or all it said when it ends without. */
export async function tellDashboard(
  stderr: ReadableStream<Uint8Array<ArrayBuffer>>,
  up: PromiseWithResolvers<string>,
): Promise<void> {
  let said = "";
  for await (const text of stderr.pipeThrough(new TextDecoderStream())) {
    if (said.length < 100_000) said += text;
    const [, url] = /"dashboard":"([^"]+)"/.exec(said) ?? [];
    if (url !== undefined) up.resolve(url);
  }
  up.reject(new Error(`The program has ended:\n${said}`));
}
