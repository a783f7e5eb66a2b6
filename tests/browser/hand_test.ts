// What somebody does in the dashboard's charts, in a real browser: it works, lies in the address, and outlives every refresh.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Locator, Page } from "playwright-core";
import { findings } from "../support/browser/accessible.ts";
import { eventsOf } from "../support/browser/events.ts";
import { browserFixture } from "../support/browser/fixture.ts";
import { visit } from "../support/browser/visit.ts";

const test = await browserFixture({ history: [["trains", "--days", "2"]], domains: ["trains", "rides"] });

const card = (page: Page, title: string) =>
  page.locator("section.card").filter({ has: page.getByRole("heading", { name: title, exact: true }) });

/** A point of a chart's plot, by shares of its width and height. */
async function pointOf(chart: Locator, x: number, y = 0.5): Promise<[number, number]> {
  const box = (await chart.boundingBox())!;
  return [box.x + box.width * x, box.y + box.height * y];
}

async function chartOf(page: Page, title: string): Promise<Locator> {
  const chart = card(page, title).locator(".canvas").first();
  await chart.locator("canvas").waitFor();
  await chart.scrollIntoViewIfNeeded();
  return chart;
}

async function drag(page: Page, chart: Locator, from: number, to: number): Promise<void> {
  await page.mouse.move(...await pointOf(chart, from));
  await page.mouse.down();
  await page.mouse.move(...await pointOf(chart, (from + to) / 2));
  await page.mouse.move(...await pointOf(chart, to));
  await page.mouse.up();
}

/** The stretch in the address, epoch milliseconds. */
function stretchIn(page: Page): readonly [from: number, to: number] | undefined {
  const { searchParams } = new URL(page.url());
  if (!searchParams.has("from")) return undefined;
  return [Date.parse(searchParams.get("from")!), Date.parse(searchParams.get("to")!)];
}

test(
  "dragging zooms all charts, Shift and dragging moves them, a double click and the browser's button go back",
  async (browser, { url }) => {
    await using visited = await visit(browser, `${url}/trains?range=24h`);
    const { page, complaints } = visited;
    const chart = await chartOf(page, "Passengers on board");
    await drag(page, chart, 0.5, 0.75);
    const zoomed = stretchIn(page)!;
    const hours = (zoomed[1] - zoomed[0]) / 3_600_000;
    assert(hours > 4 && hours < 8, `${hours} h`);
    await page.getByText("every 5 min", { exact: false }).first().waitFor();
    await page.getByRole("button", { name: "Back to the last 24 hours" }).waitFor();
    await page.keyboard.down("Shift");
    await drag(page, chart, 0.4, 0.6);
    await page.keyboard.up("Shift");
    const moved = stretchIn(page)!;
    assertEquals(Math.round((moved[1] - moved[0]) / 60_000), Math.round((zoomed[1] - zoomed[0]) / 60_000));
    assert(moved[0] < zoomed[0] - 600_000);
    await page.goBack();
    assertEquals(stretchIn(page), zoomed);
    await page.reload();
    await (await chartOf(page, "Power draw of a train")).dblclick({ position: { x: 300, y: 100 } });
    assertEquals(stretchIn(page), undefined);
    assertEquals(new URL(page.url()).searchParams.get("range"), "24h");
    assertEquals(complaints, []);
  },
);

test(
  "the moment under the pointer is shown in all charts, with its values and their sum; a click pins it",
  async (browser, { url }) => {
    await using visited = await visit(browser, `${url}/trains`);
    const { page } = visited;
    const chart = await chartOf(page, "Passengers on board");
    await chartOf(page, "Power draw of a train");
    await chart.scrollIntoViewIfNeeded();
    await page.mouse.move(...await pointOf(chart, 0.6));
    const tip = card(page, "Passengers on board").locator(".tip");
    await tip.waitFor();
    const text = await tip.innerText();
    for (const part of ["UTC", "Central Line", "Valley Line", "total"]) assertStringIncludes(text, part);
    const values = [...text.matchAll(/([\d,.]+)\u00a0passengers/g)].map(([, value]) =>
      Number(value!.replaceAll(",", ""))
    );
    const [total, ...parts] = values.toReversed();
    assert(Math.abs(parts.reduce((sum, value) => sum + value, 0) - total!) <= parts.length, text);
    assertEquals(await page.locator(".line:not([hidden])").count(), 2);
    await page.mouse.click(...await pointOf(chart, 0.6));
    await page.mouse.move(5, 5);
    await card(page, "Passengers on board").getByRole("button", { name: "Unpin" }).click();
    assertEquals(await tip.count(), 0);
  },
);

test("the keys do what the pointer does", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/trains`);
  const { page } = visited;
  const chart = await chartOf(page, "Passengers on board");
  await chart.focus();
  for (const key of ["ArrowLeft", "ArrowLeft", "Enter"]) await page.keyboard.press(key);
  await card(page, "Passengers on board").getByRole("group", { name: "Pinned" }).waitFor();
  await page.keyboard.press("+");
  const [from, to] = stretchIn(page)!;
  assertEquals(Math.round((to - from) / 60_000), 180);
  await page.keyboard.press("0");
  assertEquals(stretchIn(page), undefined);
});

test("a name in the legend is shown alone, and all again", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/trains`);
  const { page } = visited;
  await chartOf(page, "Passengers on board");
  const names = card(page, "Passengers on board").getByRole("list", { name: /^Series of/ }).getByRole("button");
  const pressed = () =>
    names.evaluateAll((buttons) => buttons.map((button) => button.getAttribute("aria-pressed") === "true"));
  await names.nth(1).click();
  assertEquals(await pressed(), [false, true, false, false]);
  await names.nth(1).click();
  assertEquals(await pressed(), [true, true, true, true]);
  await names.nth(2).click({ modifiers: ["Control"] });
  assertEquals(await pressed(), [true, true, false, true]);
});

/** A file of a card's chart, by the name of the menu's item. */
async function downloadOf(page: Page, title: string, item: string) {
  await page.getByLabel(`${title}: what can be done`).click();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: item }).click()]);
  return { name: file.suggestedFilename(), bytes: await Deno.readFile(await file.path()) };
}

test("a chart is a picture and a table of numbers to take away", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/trains?refresh=0`);
  const { page, complaints } = visited;
  await chartOf(page, "Passengers on board");
  const download = (item: string) => downloadOf(page, "Passengers on board", item);
  const png = await download("Picture (PNG)");
  assertEquals([png.name, new TextDecoder().decode(png.bytes.slice(1, 4))], ["passengers_on_board.png", "PNG"]);
  assert(png.bytes.length > 10_000, `${png.bytes.length} bytes`);
  const svg = new TextDecoder().decode((await download("Picture (SVG)")).bytes);
  for (const part of ["<svg ", "Passengers on board", "Central Line", "<path"]) assertStringIncludes(svg, part);
  // A page of no site, whose policy has nothing against it.
  const bare = await browser.newPage();
  const parsed = await bare.evaluate(
    `new DOMParser().parseFromString(${
      JSON.stringify(svg)
    }, "image/svg+xml").querySelector("parsererror")?.textContent ?? null`,
  );
  await bare.close();
  assertEquals(parsed, null);
  const csv = new TextDecoder().decode((await download("Data (CSV)")).bytes).split("\r\n");
  assertEquals(
    csv[0],
    "time (UTC),Airport Line (passengers),Central Line (passengers),Harbour Line (passengers),Valley Line (passengers)",
  );
  assert(csv.length > 60);
  assertEquals(complaints, []);
});

test(
  "a train's threshold is a line with a name on its charts, and is told beside the values",
  async (browser, { url }) => {
    await using visited = await visit(browser, `${url}/trains/C101?refresh=0`);
    const { page, complaints } = visited;
    const parts = [
      ["Passengers on board", "1,100\u00a0passengers", ">passengers<"],
      ["Power draw of a train", "2.6\u00a0MW", ">MW<"],
    ] as const;
    for (const [title, threshold, axis] of parts) {
      const chart = await chartOf(page, title);
      await page.mouse.move(...await pointOf(chart, 0.6));
      const row = card(page, title).locator(".tip tr", { hasText: "threshold" });
      assertStringIncludes(await row.innerText(), threshold);
      assertStringIncludes((await chart.getAttribute("aria-label"))!, `the threshold of a train ${threshold}`);
      const svg = new TextDecoder().decode((await downloadOf(page, title, "Picture (SVG)")).bytes);
      for (const part of [`threshold ${threshold}`, axis]) assertStringIncludes(svg, part);
    }
    // Of many trains together that of one says nothing.
    await page.goto(`${url}/trains?refresh=0`);
    const chart = await chartOf(page, "Passengers on board");
    await page.mouse.move(...await pointOf(chart, 0.6));
    const tip = card(page, "Passengers on board").locator(".tip");
    assertStringIncludes(await tip.innerText(), "total");
    assertEquals(await tip.getByText("threshold").count(), 0);
    assertEquals(complaints, []);
  },
);

test("a second train is offered and chosen, and each is a line by its name", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/trains`);
  const { page } = visited;
  const field = page.getByLabel("Train", { exact: true });
  for (const train of ["C101", "H102"]) {
    await page.locator(`datalist option[value=${train}]`).waitFor({ state: "attached" });
    await field.fill(train);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: `Train ${train}: take away` }).waitFor();
  }
  for (const title of ["Passengers on board", "Power draw of a train"]) {
    const names = card(page, title).getByRole("list", { name: /^Series of/ }).getByRole("button");
    await names.filter({ hasText: "H102" }).waitFor();
    assertEquals(await names.allInnerTexts(), ["C101", "H102"]);
  }
});

test("the day before is a line beside today", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/trains`);
  const { page } = visited;
  await page.getByLabel("Compare with").selectOption("1d");
  await card(page, "Passengers on board").getByRole("button", { name: "a day before" }).waitFor();
  const chart = await chartOf(page, "Passengers on board");
  await page.mouse.move(...await pointOf(chart, 0.5));
  const row = card(page, "Passengers on board").locator(".tip tr", { hasText: "a day before" });
  assert(/[\d,]+.passengers/.test(await row.innerText()));
  assertEquals(new URL(page.url()).searchParams.get("compare"), "1d");
});

test(
  "a line beside a number tells its value and time under the pointer and by the keys, and marks them in the charts",
  async (browser, { url }) => {
    await using visited = await visit(browser, `${url}/trains?refresh=0`);
    const { page, complaints } = visited;
    await chartOf(page, "Passengers on board");
    await page.evaluate("scrollTo(0, 0)");
    const line = page.getByRole("img", { name: "Line of passengers on board", exact: false });
    const tip = page.locator(".spark-tip");
    await page.mouse.move(...await pointOf(line, 0.3));
    assert(
      /^[\d,]+\u00a0passengers (\d\d-\d\d )?\d\d:\d\d:\d\d UTC$/.test(await tip.innerText()),
      await tip.innerText(),
    );
    // Both charts over time.
    assertEquals(await page.locator(".line:not([hidden])").count(), 2);
    await page.mouse.move(5, 5);
    assertEquals(await tip.count(), 0);
    await page.keyboard.press("Tab");
    await line.focus();
    const newest = await tip.innerText();
    for (const key of ["ArrowLeft", "ArrowLeft"]) await page.keyboard.press(key);
    const before = await tip.innerText();
    assert(before.slice(-12) < newest.slice(-12), `${before}, ${newest}`);
    assertEquals(await findings(page), []);
    await page.keyboard.press("Escape");
    assertEquals(await tip.count(), 0);
    assertEquals(complaints, []);
  },
);

test("the lines of the overview tell when the pipelines were how fast", async (browser, { url }) => {
  await using visited = await visit(browser, url);
  const { page, complaints } = visited;
  const domain = page.getByRole("region", { name: "Trains", exact: true });
  const line = domain.getByRole("img", { name: /^Line of rate: .*\d\srecords?\/s/ });
  await line.hover();
  assert(/^[\d.,]+\u00a0records?\/s .*UTC$/.test(await domain.locator(".spark-tip").innerText()));
  await domain.getByRole("img", { name: /^Line of lag: [\d,]+ records? at the end/ }).hover();
  assert(/^[\d,]+ records? .*UTC$/.test(await domain.locator(".spark-tip").innerText()));
  assertEquals(await findings(page), []);
  assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 1280);
  assertEquals(complaints, []);
});

/** What somebody has done on a page, as it is to be seen. */
const DONE = `(() => {
  const texts = (selector) => [...document.querySelectorAll(selector)].map((one) => one.textContent);
  const { activeElement: focused } = document;
  return {
    scrolled: scrollY,
    focus: focused.getAttribute("aria-label"),
    selection: [focused.selectionStart, focused.selectionEnd],
    hidden: texts(".legend [aria-pressed=false]"),
    pinned: texts(".tip-pinned strong").slice(0, 1),
    sorted: texts("[aria-sort]"),
    address: location.href,
  };
})()`;

test("what somebody does survives 60 refreshes", async (browser, site) => {
  await using visited = await visit(browser, `${site.url}/trains?refresh=1&range=1h`);
  const { page } = visited;
  const chart = await chartOf(page, "Passengers on board");
  const names = card(page, "Passengers on board").getByRole("list", { name: /^Series of/ }).getByRole("button");
  await names.nth(1).click({ modifiers: ["Control"] });
  await page.mouse.click(...await pointOf(chart, 0.5));
  await page.mouse.move(5, 300);
  const pinned = card(page, "Passengers on board").getByRole("group", { name: "Pinned" });
  await pinned.waitFor();
  await card(page, "Trains now").getByRole("button", { name: "Power kW" }).click();
  const field = page.getByRole("searchbox", { name: "Find trains" });
  await field.fill("Central");
  await field.focus();
  await page.evaluate("document.activeElement.setSelectionRange(2, 5)");
  const now = () => page.evaluate(DONE) as Promise<Readonly<Record<string, unknown>>>;
  const before = await now();
  assertEquals(before.hidden, ["Central Line"]);
  assertEquals(before.selection, [2, 5]);
  const events = await eventsOf(page);
  // Changes of the panel that changes most: each report changes it.
  const ticks = () => {
    const ofPanels = events.filter(({ name }) => name.startsWith("ask-"));
    return Math.max(0, ...[...Map.groupBy(ofPanels, ({ name }) => name).values()].map(({ length }) => length));
  };
  for (let n = 0; ticks() < 60; n++) {
    await site.produce("ats_telemetry", "C101", {
      timestamp: new Date().toISOString(),
      train_id: "C101",
      line: "Central Line",
      passenger_count: 100 + n,
      capacity: 1000,
      total_weight_tons: 200,
      power_draw_kw: 400,
      speed_kmh: 40,
      latitude: 51.45,
      longitude: -2.58,
    });
    await page.waitForTimeout(500);
  }
  assertEquals(await now(), before);
});

test("keys lead to pages, and the palette to a train", async (browser, { url }) => {
  await using visited = await visit(browser, url);
  const { page, complaints } = visited;
  await page.getByText("Pipelines running").waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.getByText("Trains now").waitFor();
  await page.keyboard.press("/");
  const field = page.getByRole("combobox", { name: /^Page, train/ });
  await field.fill("v103");
  await page.getByRole("option", { name: "V103" }).waitFor();
  assertEquals(await findings(page), []);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "V103", exact: true }).waitFor();
  await page.keyboard.press("p");
  await page.locator(".state-line", { hasText: "paused" }).waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).getByText("g t").waitFor();
  assertEquals(await findings(page), []);
  await page.keyboard.press("Escape");
  // What is written somewhere is no command.
  await page.getByRole("searchbox", { name: "Find records" }).pressSequentially("gp?/");
  assertEquals(await page.getByRole("dialog").count(), 0);
  assertEquals(new URL(page.url()).pathname, "/trains/V103");
  assertEquals(complaints, []);
});

test("the map has every train where it is, and a click goes to its page", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/trains`);
  const { page, complaints } = visited;
  const map = page.getByRole("group", { name: "Map of 24 trains" });
  await map.waitFor();
  assertEquals(await map.locator(".map-outline").count(), 4);
  const places = await map.locator(".map-point").evaluateAll((points) =>
    points.map((point) => point.getAttribute("style"))
  );
  assert(new Set(places).size > 20, `${new Set(places).size} places`);
  await page.getByLabel("Colour trains by").selectOption("power");
  await page.getByText("the more power").waitFor();
  const train = map.getByRole("link").first();
  await train.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("navigation", { name: "Breadcrumbs" }).waitFor();
  assertEquals(complaints, []);
});

for (
  const [path, text] of [
    ["/trains?range=banana", "“banana” is no time range"],
    ["/trains?from=yesterday&to=today", "names a stretch of time that is none"],
    ["/rides?refresh=often", "no number of seconds"],
  ] as const
) {
  test(`${path} says in words what is wrong, and leads back`, async (browser, { url }) => {
    await using visited = await visit(browser, url + path);
    const { page, complaints } = visited;
    await page.getByText(text, { exact: false }).waitFor();
    await page.getByRole("button", { name: "Show the page without it" }).click();
    await page.getByRole("region", { name: "Hourly statistics", exact: true }).waitFor();
    assertEquals(complaints, []);
  });
}

test("/nonsense says in words that there is no page, and leads to the overview", async (browser, { url }) => {
  for (const path of ["/nonsense", "/wine", "/trains/C101/more"]) {
    await using visited = await visit(browser, url + path);
    const { page } = visited;
    await page.getByRole("heading", { name: "There is no page here" }).waitFor();
    await page.getByRole("link", { name: "Go to the overview" }).click();
    await page.getByText("Pipelines running").waitFor();
  }
});

test("between two moments is in the zone that the page is in", async (browser, { url }) => {
  const address = `${url}/trains?from=2026-01-15T08:00:00Z&to=2026-01-15T09:30:00Z`;
  for (
    const [tz, expected, label] of [["utc", "2026-01-15T08:00", "UTC"], ["local", "2026-01-15T17:00", "Asia/Tokyo"]]
  ) {
    await using visited = await visit(browser, `${address}&tz=${tz}`, { timezoneId: "Asia/Tokyo" });
    const field = visited.page.getByLabel(`From (${label})`);
    assertEquals(await field.inputValue(), expected);
    await field.fill(`${expected!.slice(0, 14)}15`);
    assertEquals(new URL(visited.page.url()).searchParams.get("from"), "2026-01-15T08:15:00Z");
  }
});

interface LaidOut {
  /** Where each row of cards ends, pixels. */
  readonly ends: readonly number[];
  readonly edge: number;
  /** Where the first number is. */
  readonly number: number;
  /** What a finger would miss. */
  readonly small: readonly string[];
}

const LAID_OUT = `(() => {
  const boxes = [...document.querySelectorAll(".grid > *")].map((one) => one.getBoundingClientRect());
  const rows = Map.groupBy(boxes, ({ top }) => Math.round(top));
  const targets = [...document.querySelectorAll("button, select, summary, input, nav a")];
  return {
    ends: [...rows.values()].map((row) => Math.round(Math.max(...row.map(({ right }) => right)))),
    edge: Math.round(document.querySelector(".grid").getBoundingClientRect().right),
    number: document.querySelector(".kpi-value").getBoundingClientRect().top,
    small: targets.filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 44)
      .map((one) => one.outerHTML.slice(0, 90)),
  };
})()`;

for (const width of [390, 768, 1024, 1600, 2560]) {
  test(`at ${width} px the cards fill every row, and the first number is near the top`, async (browser, { url }) => {
    const touch = width < 1000;
    await using visited = await visit(browser, `${url}/trains`, { viewport: { width, height: 900 }, hasTouch: touch });
    const { page } = visited;
    await page.locator(".kpi-value").first().waitFor();
    await chartOf(page, "Power draw of a train");
    await page.evaluate("scrollTo(0, 0)");
    const { ends, edge, number, small } = await page.evaluate(LAID_OUT) as LaidOut;
    assertEquals(ends, ends.map(() => edge));
    // On a phone the head, the state and the filters are a row each.
    assert(number < (width < 500 ? 170 : 200), `${number} px`);
    assert(edge >= width - 20, `${edge} px`);
    if (touch) assertEquals(small, []);
    assertEquals(await page.evaluate("document.documentElement.scrollWidth"), width);
  });
}
