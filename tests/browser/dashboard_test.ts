// The dashboard of the real program in a real browser.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Page } from "playwright-core";
import { findings } from "../support/browser/accessible.ts";
import { browserFixture } from "../support/browser/fixture.ts";
import { Site } from "../support/browser/site.ts";
import { visit } from "../support/browser/visit.ts";

const HOSTILE = {
  html: `<img src=x onerror="globalThis.pwned=1">`,
  formula: `=cmd|'/c calc'!A0`,
  rtl: "\u202egnp.exe\u202c\u200f",
  long: "L".repeat(10_240),
};

const telemetry = (more: object) => ({
  timestamp: new Date().toISOString(),
  train_id: "T1",
  line: "Test Line",
  passenger_count: 100,
  capacity: 1000,
  total_weight_tons: 200,
  power_draw_kw: 400,
  speed_kmh: 40,
  latitude: 51.4,
  longitude: -2.6,
  ...more,
});

const test = await browserFixture({
  history: [
    ["trains", "--days", "1", "--bad", "0.002"],
    ["rides", "--days", "1"],
    ["wine", "--count", "20000", "--bad", "0.002"],
    ["actions", "--count", "20000"],
    ["circadian", "--count", "1500"],
  ],
});

/** What every page must have on it once its data is there. */
const PAGES: readonly (readonly [path: string, texts: readonly string[], charts: number])[] = [
  ["/", ["Pipelines running", "5 of 5", "Active alerts", "Behind the clock"], 0],
  ["/trains", ["Passengers on board", "MW", "Trains now", "Hourly statistics", "A101", "Central Line"], 5],
  ["/rides", ["Requests in 15 minutes", "Zones now", "Clifton", "Surges"], 1],
  // Boutiques are closed at night and on Sundays.
  ["/wine", ["Net revenue in an hour", "EUR", "Stock", "Rouge", "E-com"], 1],
  ["/actions", ["Actions per minute", "page_view", "Newest sessions"], 2],
  ["/circadian", ["Recommendation", "Days", "user_0", "Actogram"], 1],
  ["/pipeline", [
    "ats_telemetry",
    "Watermark",
    "Dead letters by reason",
    "validate",
    "Dead letters over time",
    "Commit size",
    "Lag by partition",
    "Open windows and sessions",
    "Hourly stats",
    "Stock alerts: low stock",
  ], 7],
  ["/explore?table=ATS_TRANSFORMED", ["PASSENGER_COUNT", "rows 1 to 50", "Add filter"], 0],
];

async function waitForTexts(page: Page, texts: readonly string[]): Promise<void> {
  for (const text of texts) await page.getByText(text, { exact: false }).first().waitFor({ state: "attached" });
}

const SIGHTS = [
  { width: 390, height: 844, colorScheme: "light" },
  { width: 390, height: 844, colorScheme: "dark" },
  { width: 1600, height: 1000, colorScheme: "light" },
  { width: 1600, height: 1000, colorScheme: "dark" },
] as const;

for (const [path, texts, charts] of PAGES) {
  for (const { width, height, colorScheme } of SIGHTS) {
    test(
      `${
        path.split("?")[0]
      } at ${width} px, ${colorScheme}: data, no complaint, accessible, nothing to scroll sideways`,
      async (browser, { url }) => {
        await using visited = await visit(browser, url + path, { viewport: { width, height }, colorScheme });
        const { page, complaints, requests } = visited;
        await waitForTexts(page, texts);
        await page.locator(".state-line", { hasText: "live" }).waitFor();
        const canvases = page.locator(".canvas canvas");
        // A chart is drawn a moment after the texts around it.
        if (charts > 0) await canvases.nth(charts - 1).waitFor();
        assertEquals(await canvases.count(), charts);
        assertEquals(await page.locator("html").getAttribute("data-theme"), colorScheme);
        assertEquals(await page.evaluate("document.documentElement.scrollWidth"), width);
        assertEquals(await findings(page), []);
        assertEquals(complaints, []);
        assert(requests.some((request) => request.startsWith("/api/live?")));
      },
    );
  }
}

test("an alert comes to the page by itself, before the page asks again", async (browser, { url, log }) => {
  await using visited = await visit(browser, `${url}/trains?refresh=30`);
  const { page } = visited;
  await page.locator(".state-line", { hasText: "live" }).waitFor();
  const tookMs: number[] = [];
  for (let n = 0; n < 3; n++) {
    const id = `ALERT_${crypto.randomUUID().slice(0, 8)}`;
    const at = Date.now();
    // Each at a place of its own: several at one place are one row.
    const event = telemetry({ train_id: id, line: `Line of ${id}`, passenger_count: 1500, is_overcrowded: true });
    await log.produce("ats_telemetry", [{ key: id, value: JSON.stringify(event) }]);
    const item = page.locator(".alert-active", { hasText: id });
    await item.waitFor({ timeout: 10_000 });
    tookMs.push(Date.now() - at);
    assertStringIncludes(await item.innerText(), "1,500\u00a0passengers, threshold 1,100\u00a0passengers");
    assertStringIncludes(await page.locator("[role=status]").first().innerText(), id);
  }
  console.log(`from the event to the page: ${tookMs.join(", ")} ms`);
});

test("a refresh that the list does not have is in the list where the address has it", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/trains?refresh=7`);
  const refresh = visited.page.getByLabel("Refresh");
  assertEquals(await refresh.inputValue(), "7");
  assertEquals(await refresh.locator("option").allTextContents(), [
    ...["paused", "as it comes", "every 2 s", "every 5 s", "every 7 s", "every 10 s", "every 30 s", "every 60 s"],
  ]);
});

test("time range, filters, refresh and zone lie in the address and survive a reload", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/trains`);
  const { page } = visited;
  await page.getByLabel("Time range").selectOption("24h");
  await page.getByLabel("Line", { exact: true }).fill("Central Line");
  await page.getByLabel("Train", { exact: true }).fill("C101");
  await page.getByLabel("Refresh").selectOption("30");
  await page.getByRole("button", { name: /^Times in UTC/ }).click();
  const expectations = async () => {
    assertEquals(await page.getByLabel("Time range").inputValue(), "24h");
    assertEquals(await page.getByLabel("Refresh").inputValue(), "30");
    await page.getByRole("button", { name: "Line Central Line: take away" }).waitFor();
    await page.getByRole("button", { name: "Train C101: take away" }).waitFor();
    await page.getByText("1 train reported").waitFor();
    await page.getByText("1 of 1 train", { exact: true }).waitFor();
  };
  await expectations();
  const { search } = new URL(page.url());
  for (const part of ["range=24h", "line=Central+Line", "train=C101", "refresh=30", "tz=local"]) {
    assertStringIncludes(search, part);
  }
  await page.reload();
  await expectations();
  assertEquals(new URL(page.url()).search, search);
  await page.getByRole("button", { name: "All trains", exact: true }).click();
  await page.getByText(/of \d\d trains reported/).waitFor();
});

/** What counts as moved between two frames, as the web's own measure has it: 0.1 and less of a whole visit is good. */
const KEEPS_SHIFTS = `globalThis.shifts = [];
  new PerformanceObserver((list) => shifts.push(...list.getEntries().map(({ value }) => value)))
    .observe({ type: "layout-shift", buffered: true });`;
const MOVES = 0.1;

for (const [width, height] of [[1350, 940], [412, 823]] as const) {
  test(`pages stay where they are while they fill, ${width} px wide`, async (browser, { url }) => {
    for (const [path] of PAGES) {
      await using visited = await visit(browser, "about:blank", { viewport: { width, height } });
      const { page } = visited;
      await page.addInitScript(KEEPS_SHIFTS);
      await page.goto(`${url}${path}`);
      await page.locator("main section").first().waitFor();
      await page.locator(".waiting").first().waitFor({ state: "detached" });
      const moved = await page.evaluate<number>("shifts.reduce((sum, value) => sum + value, 0)");
      assert(moved <= MOVES, `${path} moves by ${moved.toFixed(3)} while it fills`);
    }
  });
}

test("pause stops all asking, and so does a page that nobody sees", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/trains?refresh=2`);
  const { page, requests } = visited;
  await page.locator(".state-line", { hasText: "live" }).waitFor();
  const quietFor = async (ms: number) => {
    await page.waitForTimeout(500);
    const before = requests.length;
    await page.waitForTimeout(ms);
    return requests.length - before;
  };
  const streams = () => requests.filter((request) => request.includes("/api/live")).length;
  const opened = streams();
  assert(opened > 0);
  // What has not come by then is asked for once when the stream ends.
  await page.locator(".waiting").first().waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Pause" }).click();
  await page.locator(".state-line", { hasText: "paused" }).waitFor();
  assertEquals(await quietFor(2_500), 0);
  await page.getByRole("button", { name: "Resume" }).click();
  await page.locator(".state-line", { hasText: "live" }).waitFor();
  assert(streams() > opened);
  await page.evaluate(`Object.defineProperty(document, "hidden", { value: true, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"))`);
  assertEquals(await quietFor(6_000), 0);
});

/** RFC 4180 text as rows. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  const cells = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n)/gy;
  for (let match = cells.exec(text); match; match = cells.exec(text)) {
    const [, cell = "", end] = match;
    rows.at(-1)!.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell);
    if (end === "\r\n") rows.push([]);
  }
  return rows.slice(0, -1);
}

async function download(page: Page): Promise<string[][]> {
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "CSV" }).click()]);
  return parseCsv(await Deno.readTextFile(await file.path()));
}

test("CSV has the rows of the table, filtered and sorted as on the page", async (browser, { url }) => {
  const where = encodeURIComponent("PASSENGER_COUNT:from:200");
  await using visited = await visit(browser, `${url}/explore?table=ATS_TRANSFORMED&size=200&where=${where}&refresh=0`);
  const { page, complaints } = visited;
  await page.getByRole("button", { name: /^POWER_DRAW_KW/ }).click();
  await page.getByText("by POWER_DRAW_KW, greatest first").waitFor();
  await page.getByLabel("Value").fill("Valley Line");
  await page.getByRole("combobox", { name: /^Column/ }).selectOption("LINE");
  await page.getByRole("button", { name: "Add filter" }).click();
  await page.getByText("LINE is Valley Line").waitFor();
  await page.locator("tbody tr td", { hasText: "Valley Line" }).first().waitFor();
  await page.locator("tbody tr").filter({ hasNotText: "Valley Line" }).first().waitFor({ state: "detached" });
  const shown = await page.evaluate(
    `[...document.querySelectorAll("tbody tr")].map((row) => [...row.cells].slice(1).map((cell) => cell.textContent))`,
  ) as string[][];
  const [head, ...rows] = await download(page);
  assertEquals(shown.length, 200);
  assertEquals(head!.slice(0, 4), ["TIMESTAMP", "TRAIN_ID", "LINE", "PASSENGER_COUNT"]);
  assertEquals(rows.slice(0, 200), shown);
  assert(rows.length > 200);
  assert(rows.every((row) => row[2] === "Valley Line" && Number(row[3]) >= 200));
  assertEquals(complaints, []);
});

test("pages of a table follow each other without gap or overlap", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/explore?table=ATS_HOURLY_STATS&size=25&refresh=0`);
  const { page } = visited;
  const keys = async (range: string) => {
    await page.getByText(range).waitFor();
    return await page.locator("tbody tr").allInnerTexts();
  };
  const first = await keys("rows 1 to 25");
  await page.getByRole("button", { name: "Next" }).click();
  const second = await keys("rows 26 to 50");
  assertEquals(new Set([...first, ...second]).size, 50);
  await page.reload();
  assertEquals(await keys("rows 26 to 50"), second);
});

test("HTML, formulas and directions in ids are text on every page, and text in CSV", async (browser, site) => {
  const { url } = site;
  for (const id of [HOSTILE.html, HOSTILE.formula, HOSTILE.rtl]) {
    await site.produce(
      "ats_telemetry",
      id,
      telemetry({ train_id: id, line: id, passenger_count: 1400, is_overcrowded: true }),
    );
    await site.produce("ride_events", id, {
      user_id: id,
      location: id,
      zone: id,
      ride_type: id,
      timestamp: new Date().toISOString(),
    });
    await site.produce("events", id, {
      user_id: id,
      action: id.slice(0, 60),
      page: id,
      timestamp: new Date().toISOString(),
    });
  }
  // Too long for an id: what it says is a dead letter, and must be shown too.
  await site.produce("ats_telemetry", HOSTILE.long, telemetry({ train_id: HOSTILE.long }));
  await site.log.produce("ats_telemetry", [{
    key: HOSTILE.html,
    value: `{"broken": "${"<script>alert(1)</script>".repeat(20)}`,
  }]);
  await site.caughtUp();
  const isHarmless = async (page: Page) => {
    assertEquals(await page.evaluate("globalThis.pwned"), undefined);
    assertEquals(await page.locator("#app img:not([src='/icon.svg']), #app script, #app iframe").count(), 0);
    assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 390);
  };
  for (
    const path of [
      "/trains",
      "/rides",
      "/actions?range=1h",
      "/pipeline",
      "/explore?table=ATS_ALERTS",
      "/explore?table=DEAD_LETTERS",
    ]
  ) {
    await using visited = await visit(browser, url + path, { viewport: { width: 390, height: 844 } });
    await visited.page.getByText(path.includes("DEAD") ? "LLLLLL" : path === "/pipeline" ? "<script>" : "<img src=x")
      .first()
      .waitFor({ state: "attached" });
    await visited.page.getByText("Loading…").first().waitFor({ state: "detached" });
    await isHarmless(visited.page);
    assertEquals(visited.complaints, []);
  }
  await using visited = await visit(browser, `${url}/explore?table=ATS_LATEST_STATUS&refresh=0`);
  await visited.page.getByText("<img src=x").first().waitFor();
  const [head, ...rows] = await download(visited.page);
  const ids = rows.map((row) => row[head!.indexOf("TRAIN_ID")]);
  assert(ids.includes(HOSTILE.html));
  assert(ids.includes(HOSTILE.rtl));
  assert(ids.includes(`'${HOSTILE.formula}`) && !ids.includes(HOSTILE.formula));
  await using letters = await visit(browser, `${url}/explore?table=DEAD_LETTERS&refresh=0`);
  await letters.page.getByText("LLLLLL").first().waitFor();
  assert((await download(letters.page)).some((row) => row.includes(HOSTILE.long)));
});

test("a dead letter's bytes are shown, and the keyboard gets in and out", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/pipeline`);
  const { page } = visited;
  const letter = page.getByRole("region", { name: "Newest dead letters" }).getByRole("button").filter({ hasText: "{" })
    .first();
  await letter.waitFor();
  await letter.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Bytes of the record").waitFor();
  assertStringIncludes(await dialog.innerText(), "Stage and reason");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  const sorter = page.getByRole("region", { name: "Dead letters by reason" }).getByRole("button", { name: "Stage" });
  await sorter.focus();
  await page.keyboard.press("Enter");
  assertEquals(await page.getByRole("columnheader", { name: "Stage" }).getAttribute("aria-sort"), "descending");
});

const ONES = [
  ["/trains", "Trains now", /^A101$/, "Newest records", ["Power draw of a train", "Speed by train"]],
  ["/rides", "Zones now", /^Clifton$/, "Newest records", ["Demand", "Ride types"]],
  ["/wine", "Stock", /^\d+$/, "Newest events", ["bottles in stock; low below 60\u00a0bottles", "enough"]],
  ["/actions", "Newest sessions", /./, "Newest records", ["Visits"]],
] as const;

for (const [path, card, id, records, texts] of ONES) {
  test(`${path}: an id leads to its page, breadcrumbs and the browser's button lead back`, async (browser, { url }) => {
    await using visited = await visit(browser, `${url}${path}?range=7d`);
    const { page, complaints } = visited;
    const cell = page.getByRole("region", { name: card, exact: true }).last().getByRole("link", { name: id }).first();
    const name = await cell.innerText();
    await cell.click();
    await page.getByRole("heading", { name, exact: true, level: 1 }).waitFor();
    assertEquals(decodeURIComponent(new URL(page.url()).pathname), `${path}/${name}`);
    assertEquals(new URL(page.url()).searchParams.get("range"), "7d");
    await page.getByRole("heading", { name: records, exact: true }).waitFor();
    await waitForTexts(page, texts);
    await page.reload();
    await waitForTexts(page, texts);
    assertEquals(await findings(page), []);
    await page.goBack();
    await page.getByRole("heading", { name: card, exact: true }).waitFor();
    await page.goForward();
    await page.getByRole("navigation", { name: "Breadcrumbs" }).getByRole("link", { name: "Overview" }).click();
    await page.getByText("Pipelines running").waitFor();
    assertEquals(complaints, []);
  });
}

test("the offset of a record leads to its row, and an id in it back to its page", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/trains/A101?range=7d`);
  const { page } = visited;
  const records = page.getByRole("region", { name: "Newest records", exact: true }).last();
  await records.locator("tbody tr").first().getByRole("link").last().click();
  await page.getByText("rows 1 to 1").waitFor();
  await page.getByRole("link", { name: "A101" }).click();
  await page.getByRole("heading", { name: "A101", exact: true }).waitFor();
});

test("TV mode shows one page after another without what a hand needs, until Escape", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/trains?tv=5&range=24h`);
  const { page } = visited;
  await page.getByRole("button", { name: "End TV mode" }).waitFor();
  assert(!await page.getByRole("navigation", { name: "Pages" }).isVisible());
  await page.waitForURL((address) => address.pathname !== "/trains", { timeout: 30_000 });
  assertEquals(new URL(page.url()).searchParams.get("range"), "24h");
  await page.keyboard.press("Escape");
  await page.getByRole("navigation", { name: "Pages" }).waitFor();
  assertEquals(new URL(page.url()).searchParams.get("tv"), null);
});

test("numbers are written as in the browser's language", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/trains?range=24h&refresh=0`, { locale: "de-DE" });
  await visited.page.getByText("Trains now").waitFor();
  await visited.page.getByText(/\d\.\d{3}\b/).first().waitFor();
});

test("a chart's numbers are there as a table", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/trains`);
  const { page } = visited;
  await page.getByLabel("Distributions: what can be done").click();
  await page.getByRole("button", { name: "Numbers" }).click();
  const table = page.getByRole("group", { name: /^Histogram of speed/ });
  await table.getByRole("rowheader", { name: "0", exact: true }).waitFor();
  assertEquals(await findings(page), []);
});

test("the page says when Freshet is away, and goes on when it is back", async (browser, { url }) => {
  await using visited = await visit(browser, url);
  const { page } = visited;
  // Where no stream comes through the page asks.
  await page.route("**/api/live*", (route) => route.abort());
  await page.goto(`${url}/trains?refresh=2`);
  await page.locator("td", { hasText: "A101" }).first().waitFor();
  await page.route("**/api/**", (route) => route.abort());
  await page.getByText("Freshet has not answered for").waitFor({ timeout: 15_000 });
  await page.locator("td", { hasText: "A101" }).first().waitFor();
  await page.unroute("**/api/**");
  await page.unroute("**/api/live*");
  await page.getByText("Freshet has not answered for").waitFor({ state: "detached", timeout: 15_000 });
  await page.locator(".state-line", { hasText: "live" }).waitFor();
});

test("a locked, empty dashboard asks for the token, then says what to do", async (browser) => {
  await using site = await Site.start({ env: { FRESHET_API_TOKEN: "browser-token-of-a-test" } });
  await using visited = await visit(browser, `${site.url}/trains`);
  const { page } = visited;
  await page.getByLabel("Token").fill("wrong");
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByText("This token does not open the dashboard").waitFor();
  assertEquals(await findings(page), []);
  await page.getByLabel("Token").fill("browser-token-of-a-test");
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByText("No train has reported yet").first().waitFor();
  assertEquals(await page.evaluate("document.cookie"), "");
  for (
    const [path, text] of [["/rides", "POST /produce"], ["/wine", "Nothing has been sold"], [
      "/actions",
      "POST /events",
    ], ["/circadian", "Nobody has slept"]]
  ) {
    await page.goto(site.url + path);
    await page.getByText(text!).first().waitFor();
    assertEquals(await findings(page), []);
  }
  // The browser itself reports the refused questions of a locked page; nothing else may be there.
  assertEquals(visited.complaints.filter((complaint) => !complaint.includes("401")), []);
});
