// What a run that is up in a test's folder answers over HTTP.

import { runningOn } from "./shipped.ts";

/** What it answers on `path`, once `is` takes it. */
export async function waitForAnswer(
  place: { readonly dataDir: string },
  path: string,
  is: (text: string) => boolean,
): Promise<string> {
  while (true) {
    const { url } = await runningOn(place.dataDir);
    const text = await fetch(url + path).then((response) => response.text()).catch(() => undefined);
    if (text !== undefined && is(text)) return text;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
