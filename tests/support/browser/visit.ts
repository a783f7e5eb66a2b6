// A visit to the dashboard by a real browser that notes whatever a strict page must not do.

import type { Browser, BrowserContextOptions, Page } from "playwright-core";

export interface Visit extends AsyncDisposable {
  readonly page: Page;
  /** What went wrong: console messages, errors, requests off the host, dialogs, violations of the CSP. */
  readonly complaints: readonly string[];
  /** Paths that the page asked for. */
  readonly requests: readonly string[];
}

export async function visit(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ reducedMotion: "reduce", acceptDownloads: true, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  const { host } = new URL(url);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("dialog", async (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  page.on("request", (request) => {
    const asked = new URL(request.url());
    requests.push(asked.pathname + asked.search);
    if (asked.host !== host) complaints.push(`request off the host: ${request.url()}`);
  });
  await page.addInitScript(`addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    console.error("CSP: " + violatedDirective + " " + blockedURI))`);
  await page.goto(url);
  return { page, complaints, requests, [Symbol.asyncDispose]: () => context.close() };
}
