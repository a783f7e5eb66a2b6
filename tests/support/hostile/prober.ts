// A thread that asks `/readyz` now and then, over a connection of its own as a supervisor does: what it measures is the program,
// and not how busy the thread is that sends records and strangers. Told the address; tells what it was answered, or why it was
// not, a text.

/// <reference lib="deno.worker" />

const PROBE_EVERY_MS = 500;

/** An answer, and how long it took, milliseconds. */
export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly tookMs: number;
}

async function ask(url: string): Promise<Answered> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const begun = performance.now();
  const response = await fetch(url, { client });
  const text = await response.text();
  return { status: response.status, text, tookMs: performance.now() - begun };
}

self.onmessage = async ({ data: api }: MessageEvent<string>) => {
  while (true) {
    self.postMessage(await ask(`${api}/readyz`).catch((error: Error) => `${error.message}: ${error.cause}`));
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
  }
};
