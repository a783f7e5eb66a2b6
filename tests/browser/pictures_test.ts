// How every page looks, beside pictures of how it looked when somebody last agreed to that: a change of look is a decision.
// The data is always the same; what tells of the clock or of the process is hidden. To renew the pictures in `pictures`:
// UPDATE_PICTURES=true TESTS=browser deno test -A tests/browser/pictures_test.ts
import { assertEquals } from "@std/assert";
import type { Browser, Page } from "playwright-core";
import { browserFixture } from "../support/browser/fixture.ts";
import { sendFixedHistory } from "../support/browser/fixed_history.ts";
import { differenceFrom } from "../support/browser/pictures.ts";
import { visit } from "../support/browser/visit.ts";

const SQL = "SELECT WINDOW_START, TRAIN_ID, MAX_PASSENGER_COUNT FROM ATS_HOURLY_STATS WHERE TRAIN_ID < 'A104' " +
  "ORDER BY WINDOW_START, TRAIN_ID";

/** What moves on each page beside the line of state, which names the clock. */
const PAGES: readonly (readonly [name: string, path: string, moves?: string])[] = [
  ["overview", "/", ".kpi dd, .trends dd, .domains .note"],
  ["trains", "/trains"],
  ["train", "/trains/C101"],
  ["rides", "/rides"],
  ["zone", "/rides/Clifton"],
  // When something was written is the clock's.
  ["wine", "/wine", ".full td:last-child"],
  ["product", "/wine/1040", "td:is(:first-child, :last-child)"],
  ["actions", "/actions"],
  ["user", "/actions/user_0117"],
  ["circadian", "/circadian"],
  ["pipeline", "/pipeline", ".pairs :is(dd, table, .note), .small-multiples .chart, .horizon, .history .note"],
  ["tables", "/explore?table=ATS_LATEST_STATUS"],
  ["sql", `/explore/sql?sql=${encodeURIComponent(SQL)}&draw=lines&by=TRAIN_ID`, ".card .note"],
  ["nowhere", "/nonsense"],
];

const SIGHTS = (["light", "dark"] as const).flatMap((colorScheme) => [
  { colorScheme, width: 390, height: 1800 },
  { colorScheme, width: 1280, height: 1600 },
]);

const test = await browserFixture({
  fill: sendFixedHistory,
  hasFixedFonts: true,
  // No alert is cleared, and no window closed, because the clock goes on.
  env: { FRESHET_IDLE_AFTER_MS: "86400000" },
});

for (const [name, path, moves = ""] of PAGES) {
  test(`the page ${name} looks as it did when its pictures were taken`, async (browser, { url }) => {
    const differences: string[] = [];
    for (const { width, height, colorScheme } of SIGHTS) {
      const taken = await pictureOf(browser, url + path, { width, height, colorScheme, moves });
      const difference = await differenceFrom(`${name}_${width}_${colorScheme}`, taken);
      if (difference !== undefined) differences.push(difference);
    }
    assertEquals(differences, []);
  });
}

interface Sight {
  readonly width: number;
  readonly height: number;
  readonly colorScheme: "light" | "dark";
  readonly moves: string;
}

/** At half size: where things are is what is looked at, and the pictures stay small. */
async function pictureOf(browser: Browser, url: string, { width, height, colorScheme, moves }: Sight) {
  await using visited = await visit(browser, url, {
    viewport: { width, height },
    deviceScaleFactor: 0.5,
    colorScheme,
    locale: "en-GB",
    timezoneId: "UTC",
  });
  const { page } = visited;
  const hidden = [".state-line p, footer", moves].filter((one) => one !== "").join(", ");
  await page.locator("main").waitFor();
  while (await page.evaluate(`document.querySelector(".waiting") !== null`)) await page.waitForTimeout(100);
  // Not as an element, which the page's CSP refuses.
  await page.evaluate(`{
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(${JSON.stringify(`:is(${hidden}) { visibility: hidden !important }`)});
    document.adoptedStyleSheets.push(sheet);
  }`);
  return await settled(page);
}

/** A picture when the one before is the same: all answers are there, and all is drawn. */
async function settled(page: Page): Promise<Uint8Array> {
  const take = () => page.screenshot({ animations: "disabled" });
  for (let before = await take();;) {
    await page.waitForTimeout(400);
    const now = await take();
    if (now.equals(before)) return now;
    before = now;
  }
}
