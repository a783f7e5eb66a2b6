// What Lighthouse finds on the pages that people open first. Its performance is a matter of the machine, and only told; task
// test:long lighthouse fetches it, which is too much for every change.
import { assert } from "@std/assert";
import { chromiumPath } from "../support/browser/chromium.ts";
import { sendFixedHistory } from "../support/browser/fixed_history.ts";
import { Site } from "../support/browser/site.ts";

/** Its version; unset, nothing is looked at. */
const VERSION = Deno.env.get("FRESHET_LIGHTHOUSE");
const PATHS = ["/", "/trains", "/explore"];
const FORMS = [["on a desk", ["--preset=desktop"]], ["on a slow phone", []]] as const;

/** Of 1. */
const ACCESSIBLE = 0.95;
/** A page that moves while it fills is clicked in the wrong place: the web's limit of a good one, which no machine changes. */
const MOVES = 0.1;

interface Report {
  readonly categories: Readonly<Record<string, { readonly score: number }>>;
  readonly audits: Readonly<Record<string, { readonly numericValue?: number; readonly displayValue?: string }>>;
}

Deno.test({
  name: "Lighthouse finds the overview, trains and explore accessible, and that they stay where they are",
  ignore: VERSION === undefined,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using site = await Site.start({ fill: sendFixedHistory });
    for (const path of PATHS) {
      for (const [form, flags] of FORMS) {
        const { categories, audits } = await lighthouse(site.url + path, flags);
        const [performance, accessibility] = ["performance", "accessibility"].map((name) => categories[name]!.score);
        const told = ["first-contentful-paint", "largest-contentful-paint", "total-blocking-time", "speed-index"]
          .map((name) => `${name} ${audits[name]?.displayValue}`).join(", ");
        const moves = audits["cumulative-layout-shift"]!.numericValue!;
        console.log(
          `${path} ${form}: performance ${performance}, accessibility ${accessibility}, moves ${moves}; ${told}`,
        );
        assert(accessibility! >= ACCESSIBLE, `${path} ${form}: accessibility ${accessibility}`);
        assert(moves <= MOVES, `${path} ${form} moves by ${moves} while it fills`);
      }
    }
  },
});

async function lighthouse(url: string, flags: readonly string[]): Promise<Report> {
  const { success, stdout, stderr } = await new Deno.Command("npx", {
    args: [
      "-y",
      `lighthouse@${VERSION}`,
      url,
      ...flags,
      "--only-categories=performance,accessibility",
      "--output=json",
      "--quiet",
      "--chrome-flags=--headless=new --no-sandbox",
    ],
    env: { CHROME_PATH: await chromiumPath() ?? "" },
  }).output();
  if (!success) throw new Error(`Lighthouse failed: ${new TextDecoder().decode(stderr).slice(-2_000)}`);
  return JSON.parse(new TextDecoder().decode(stdout)) as Report;
}
