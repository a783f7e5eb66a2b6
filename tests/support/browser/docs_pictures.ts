// Takes the pictures of docs/dashboard.md and of the README, as task docs:pictures: pages of domains with the fixed history, and
// those about the process itself from a demonstration that runs, whose address is given:
// deno task docs:pictures [http://localhost:8501]
import type { Browser, Page } from "playwright-core";
import { launch } from "./chromium.ts";
import { sendFixedHistory } from "./fixed_history.ts";
import { Site } from "./site.ts";
import { visit } from "./visit.ts";

const FOLDER = new URL("../../../docs/images/", import.meta.url);
const SQL = `SELECT WINDOW_START AS HOUR, TRAIN_ID, AVG_PASSENGER_COUNT AS PASSENGERS
FROM ATS_HOURLY_STATS
WHERE TRAIN_ID LIKE 'C%'
ORDER BY HOUR`;

interface Picture {
  readonly name: string;
  readonly path: string;
  readonly height: number;
  readonly width?: number;
  readonly colorScheme?: "light" | "dark";
  /** What is done before it is taken. */
  readonly prepare?: (page: Page) => Promise<void>;
}

const OF_DOMAINS: readonly Picture[] = [
  { name: "trains", path: "/trains", height: 1100, prepare: pinValues },
  { name: "rides", path: "/rides", height: 1000, colorScheme: "dark", prepare: pinValues },
  { name: "train", path: "/trains/C101", height: 960 },
  { name: "sql", path: `/explore/sql?sql=${encodeURIComponent(SQL)}&draw=lines&by=TRAIN_ID`, height: 760 },
  { name: "topic", path: "/pipeline?topic=ats_telemetry", height: 900, prepare: openRecord },
  { name: "phone", path: "/trains", width: 390, height: 844, colorScheme: "dark" },
  { name: "tv", path: "/trains?tv=20", width: 1920, height: 1080, colorScheme: "dark" },
];

const OF_PROCESS: readonly Picture[] = [
  { name: "overview", path: "/", height: 490 },
  { name: "alerts", path: "/wine", height: 760, prepare: acknowledge },
  { name: "pipeline", path: "/pipeline?hours=1", height: 1100, colorScheme: "dark" },
];

async function pinValues(page: Page): Promise<void> {
  await page.locator(".chart .canvas").first().click({ position: { x: 420, y: 120 } });
}

async function acknowledge(page: Page): Promise<void> {
  await page.getByRole("button", { name: /^Acknowledge/ }).first().click();
  await page.getByLabel("Your name").fill("Ada");
}

async function openRecord(page: Page): Promise<void> {
  await page.locator("td .mono").last().click();
}

async function take(browser: Browser, url: string, pictures: readonly Picture[]): Promise<void> {
  for (const { name, path, width = 1360, height, colorScheme = "light", prepare } of pictures) {
    await using visited = await visit(browser, url + path, { viewport: { width, height }, colorScheme });
    const { page } = visited;
    await page.locator(".state-line", { hasText: "live" }).waitFor();
    while (await page.evaluate(`document.querySelector(".waiting") !== null`)) await page.waitForTimeout(100);
    // That the history is of a past day, and where files are, is of no interest here.
    await page.evaluate(`{
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(".state-line .muted, footer { display: none }");
      document.adoptedStyleSheets.push(sheet);
    }`);
    await page.waitForTimeout(2_000);
    await prepare?.(page);
    await page.waitForTimeout(500);
    await page.screenshot({ path: new URL(`dashboard_${name}.png`, FOLDER).pathname });
    console.log(`dashboard_${name}.png`);
  }
}

const browser = await launch();
try {
  const [address] = Deno.args;
  if (address !== undefined) await take(browser, address, OF_PROCESS);
  await using site = await Site.start({ fill: sendFixedHistory });
  await take(browser, site.url, OF_DOMAINS);
} finally {
  await browser.close();
}
