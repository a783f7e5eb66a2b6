// What axe-core finds on a page that people with a screen reader or without a mouse could not use.

import axe from "axe-core";
import type { Page } from "playwright-core";

interface Finding {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** Violations of any weight, once no card is pale for waiting, or none has become so for a while. The source is evaluated, which a CSP does not stop. */
export async function findings(page: Page): Promise<readonly string[]> {
  await page.locator(".outdated").first().waitFor({ state: "detached", timeout: 5_000 }).catch(() => {});
  await page.evaluate(axe.source);
  const found = await page.evaluate("axe.run(document, { resultTypes: ['violations'] }).then((r) => r.violations)");
  return (found as readonly Finding[])
    .map(({ id, impact, nodes }) => `${id} (${impact}): ${nodes.slice(0, 3).map(({ html }) => html).join(" | ")}`);
}
