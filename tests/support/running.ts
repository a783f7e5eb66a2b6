// What a run that is up in a test's folder answers over HTTP.

import { runningOn } from "./shipped.ts";

const GIVE_UP_MS = 180_000;

/** What it answers on `path`, once `is` takes it. Throws with the last answer when that does not come. */
export async function waitForAnswer(
  place: { readonly dataDir: string },
  path: string,
  is: (text: string) => boolean,
): Promise<string> {
  let last: string | undefined;
  for (const giveUpAt = Date.now() + GIVE_UP_MS; Date.now() < giveUpAt;) {
    const { url } = await runningOn(place.dataDir);
    const text = await fetch(url + path).then((response) => response.text()).catch(() => undefined);
    if (text !== undefined && is(text)) return text;
    last = text ?? last;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${path} did not answer what was waited for, its last answer: ${last}`);
}
