// A browser and the real program for the tests of one file. The tests skip themselves where there is no Chromium.
import type { Browser } from "playwright-core";
import { launch, type LaunchOptions, whyNoChromium } from "./chromium.ts";
import { Site, type SiteOptions } from "./site.ts";

/** Registers a test that needs both. */
export type BrowserTest = (name: string, body: (browser: Browser, site: Site) => Promise<void>) => void;

/** Starts a browser and the program, which go with the file's last test. */
export async function browserFixture(options: SiteOptions & LaunchOptions): Promise<BrowserTest> {
  const skip = await whyNoChromium();
  if (skip !== undefined) console.info(`The dashboard is not looked at by a browser: ${skip}`);
  const [browser, site] = skip !== undefined ? [] : await Promise.all([launch(options), Site.start(options)]);
  Deno.test.afterAll(async () => {
    await browser?.close();
    await site?.[Symbol.asyncDispose]();
  });
  return (name, body) =>
    Deno.test({
      name,
      ignore: skip !== undefined,
      // Both outlive a test, so their resources are no leak of it.
      sanitizeOps: false,
      sanitizeResources: false,
      fn: () => body(browser!, site!),
    });
}
