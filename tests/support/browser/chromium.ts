// Whether a real browser can be had here, and one for the tests of one file. Debian's package, driven by playwright-core.

import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Path of the browser; CHROMIUM names another one. */
export async function chromiumPath(): Promise<string | undefined> {
  for (const path of [Deno.env.get("CHROMIUM") ?? [], PATHS].flat()) {
    if (await Deno.stat(path).then(() => true, () => false)) return path;
  }
  return undefined;
}

/**
 * Why tests with a real browser cannot run here, or undefined when they can. With `TESTS=fast` they are not wanted; with
 * `CI=true` nothing is skipped, so that what is missing shows as a failure.
 */
export async function whyNoChromium(): Promise<string | undefined> {
  if (Deno.env.get("TESTS") === "fast") return "TESTS=fast";
  if (Deno.env.get("CI") === "true" || await chromiumPath() !== undefined) return undefined;
  return "Chromium is not installed: deno run -A tests/support/browser/install.ts";
}

export interface LaunchOptions {
  /** Draws letters the same on every machine, by the fonts that fonts.conf names and no others. */
  readonly hasFixedFonts?: boolean;
}

const FONTS = new URL("fonts.conf", import.meta.url);
const FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";

/** The environment of a browser that knows only those fonts. */
async function fixedFonts(): Promise<Record<string, string>> {
  if (!await Deno.stat(FONT).then(() => true, () => false)) {
    throw new Error(`${FONT} is missing: install Debian's fonts-dejavu-core`);
  }
  return { ...Deno.env.toObject(), FONTCONFIG_FILE: fileURLToPath(FONTS) };
}

export async function launch({ hasFixedFonts = false }: LaunchOptions = {}): Promise<Browser> {
  const executablePath = await chromiumPath();
  if (executablePath === undefined) {
    throw new Error("Chromium is not installed: tests/support/browser/install.ts does it");
  }
  // Only now: loading it looks about the machine, which the fast tests have no permission for.
  const { chromium } = await import("playwright-core");
  // Root, as in a container, has no sandbox.
  return await chromium.launch({
    executablePath,
    args: Deno.uid() === 0 ? ["--no-sandbox"] : [],
    ...hasFixedFonts ? { env: await fixedFonts() } : {},
  });
}
