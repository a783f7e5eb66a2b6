// What a run that is up in a test's folder answers over HTTP.

/** Its base URL, once it has one. */
async function runningUrl({ dataDir }: { readonly dataDir: string }): Promise<string> {
  return JSON.parse(await Deno.readTextFile(`${dataDir}/freshet.run.json`)).url;
}

/** What it answers on `path`, once `is` takes it. */
export async function waitForAnswer(
  place: { readonly dataDir: string },
  path: string,
  is: (text: string) => boolean,
): Promise<string> {
  while (true) {
    const text = await runningUrl(place).then((url) => fetch(url + path)).then((response) => response.text()).catch(
      () => undefined,
    );
    if (text !== undefined && is(text)) return text;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
