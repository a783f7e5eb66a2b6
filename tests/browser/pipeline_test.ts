// The page of the pipelines in a real browser: looking into topics, following what comes, and sending a dead letter again.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Page } from "playwright-core";
import { findings } from "../support/browser/accessible.ts";
import { browserFixture } from "../support/browser/fixture.ts";
import { visit } from "../support/browser/visit.ts";

const TOPIC = "ats_telemetry";
const test = await browserFixture({ history: [["trains", "--count", "3000", "--bad", "0.01"]], domains: ["trains"] });

const card = (page: Page, title: string) =>
  page.locator("section.card").filter({ has: page.getByRole("heading", { name: title, exact: true }) });

test(
  "a topic's records are shown by partition, offset and key, and one with what it says and its bytes",
  async (browser, { url, log }) => {
    const [{ partition, offset }] = await log.produce(TOPIC, [{
      key: "looked-at",
      value: '{"looked": ["at", 1]}',
      headers: { source: "a test" },
    }]) as [{ partition: number; offset: number }];
    await using visited = await visit(browser, `${url}/pipeline`);
    const { page, complaints } = visited;
    const topic = card(page, "Topic");
    await topic.locator("select").nth(0).selectOption(TOPIC);
    await topic.locator("tbody tr").first().waitFor();
    await topic.locator("select").nth(1).selectOption(String(partition));
    await topic.getByLabel("From offset").fill(String(offset));
    await topic.getByLabel("From offset").press("Enter");
    await topic.getByText("1 record, the newest first").waitFor();
    const { searchParams } = new URL(page.url());
    assertEquals([searchParams.get("topic"), searchParams.get("offset")], [TOPIC, String(offset)]);
    await page.reload();
    await topic.getByText("1 record, the newest first").waitFor();
    assertEquals(await findings(page), []);
    await topic.getByRole("button", { name: '{"looked"', exact: false }).click();
    const dialog = page.getByRole("dialog");
    assertStringIncludes(await dialog.innerText(), '"looked": [');
    assertStringIncludes(await dialog.innerText(), "a test");
    await dialog.getByText("Bytes", { exact: true }).click();
    assertStringIncludes(await dialog.innerText(), "7b 22 6c 6f 6f 6b");
    assertEquals(await findings(page), []);
    assertEquals(complaints, []);
  },
);

/** Where a card begins in the window, pixels. */
const topOf = async (page: Page, title: string) => (await card(page, title).boundingBox())!.y;

test("an address with a topic opens the page at the topic, and leaves it to who scrolls", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/pipeline?topic=${TOPIC}`);
  const { page, complaints } = visited;
  await card(page, "Topic").locator("tbody tr").first().waitFor();
  await card(page, "Newest dead letters").locator("tbody tr").first().waitFor();
  await page.locator(".horizon .ticks span").first().waitFor();
  // All of it has come, also what is above.
  await page.waitForFunction(`document.querySelector(".waiting") === null`);
  await page.waitForTimeout(300);
  const { height } = (await page.locator(".top").boundingBox())!;
  const top = await topOf(page, "Topic");
  // It is the last card: below it there may be too little for the very top.
  assert(top >= height && top < height + 120, `${top} px, below ${height}`);
  await page.mouse.wheel(0, -400);
  await page.waitForFunction(`scrollY > 0`);
  await page.waitForTimeout(300);
  const moved = await topOf(page, "Topic");
  assert(moved > top + 300, `${moved} px`);
  // Something above grows.
  await page.evaluate(`document.querySelector("main").style.paddingTop = "50px"`);
  await page.waitForTimeout(300);
  assert(await topOf(page, "Topic") > top + 300);
  await page.goto(`${url}/pipeline`);
  await card(page, "Topic").locator("select").first().waitFor();
  assertEquals(await page.evaluate("scrollY"), 0);
  await card(page, "Topic").locator("select").nth(0).selectOption(TOPIC);
  await card(page, "Topic").locator("tbody tr").first().waitFor();
  assertEquals(complaints, []);
});

test(
  "what comes is followed, as a refresh goes on, and no more when the page is left",
  async (browser, { url, log }) => {
    await using visited = await visit(browser, `${url}/pipeline?topic=${TOPIC}&follow=1&refresh=2`);
    const { page } = visited;
    const topic = card(page, "Topic");
    await topic.getByText("Following:", { exact: false }).waitFor();
    for (const key of ["comes-first", "comes-second"]) {
      await log.produce(TOPIC, [{ key, value: "{}" }]);
      await topic.getByRole("cell", { name: key }).waitFor();
    }
    assertEquals(await findings(page), []);
  },
);

test(
  "a dead letter that is cut is told by its characters, and is not offered to be mended",
  async (browser, { url, log }) => {
    // Each is one character to the warehouse, and two to the browser: what is shown has as many units as all has characters.
    await log.produce(TOPIC, [{ key: "CUT-LETTER", value: `{${"😀".repeat(6_000)}` }]);
    await using visited = await visit(browser, `${url}/pipeline?refresh=2`);
    const { page, complaints } = visited;
    await card(page, "Newest dead letters").getByRole("button").filter({ hasText: "😀" }).first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("6,001 characters").waitFor();
    await dialog.getByText("Cut at 4,096 characters.", { exact: false }).waitFor();
    assertEquals(await dialog.getByRole("textbox").count(), 0);
    await dialog.getByRole("button", { name: "Send it again" }).waitFor();
    assertEquals(complaints, []);
  },
);

test("a dead letter is mended in its dialog, sent again, and is a good record then", async (browser, { url, log }) => {
  await log.produce(TOPIC, [{ key: "MENDED", value: '{"train_id": "MENDED", "speed_kmh": "fast"}' }]);
  await using visited = await visit(browser, `${url}/pipeline?refresh=2`);
  const { page, complaints } = visited;
  await card(page, "Newest dead letters").getByRole("button").filter({ hasText: "MENDED" }).first().click();
  const dialog = page.getByRole("dialog");
  assertEquals(await findings(page), []);
  const field = dialog.getByLabel("The record, to be mended before it is sent again");
  await field.fill("{broken");
  await dialog.getByText("It is not JSON as it is now.", { exact: false }).waitFor();
  await field.fill(JSON.stringify({
    timestamp: new Date().toISOString(),
    train_id: "MENDED",
    line: "Central Line",
    passenger_count: 42,
    capacity: 1000,
    total_weight_tons: 190,
    power_draw_kw: 900,
    speed_kmh: 40,
    latitude: 51.4,
    longitude: -2.6,
    is_overcrowded: false,
    is_high_power_draw: false,
    next_stop: "Museum",
  }));
  await dialog.getByRole("button", { name: "Send the mended record" }).click();
  await dialog.getByText(/^Sent: it is at partition \d+, offset \d+ now\.$/).waitFor();
  assertEquals(await findings(page), []);
  await page.goto(`${url}/trains/MENDED`);
  await page.getByText("42", { exact: false }).first().waitFor();
  assertEquals(complaints, []);
});
