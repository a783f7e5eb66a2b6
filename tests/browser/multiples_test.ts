// Small charts beside each other in a real browser: one of each train or zone, with the same axes, each leading to its page.
import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import type { Page } from "playwright-core";
import { findings } from "../support/browser/accessible.ts";
import { browserFixture } from "../support/browser/fixture.ts";
import { visit } from "../support/browser/visit.ts";

const test = await browserFixture({
  history: [["trains", "--days", "1"], ["rides", "--days", "1"]],
  domains: ["trains", "rides"],
});

const charts = (page: Page, title: string) => page.getByRole("group", { name: title }).locator(".multiple");

test("each of 24 trains has a chart, of what is chosen, and a click leads to the train", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/trains?refresh=0`);
  const { page, complaints } = visited;
  const each = charts(page, "Train by train");
  await each.nth(23).waitFor();
  assertEquals(await each.count(), 24);
  const paths = () => each.locator("path").evaluateAll((all) => all.map((one) => one.getAttribute("d")!));
  const passengers = await paths();
  assert(new Set(passengers).size > 20 && passengers.every((path) => path.length > 100));
  assertStringIncludes(await each.first().innerText(), "passengers");
  await page.getByLabel("Compare trains by").selectOption("speed");
  await each.filter({ hasText: "km/h" }).nth(23).waitFor();
  assertNotEquals(await paths(), passengers);
  assertEquals(new URL(page.url()).searchParams.get("measure"), "speed");
  assertEquals(await findings(page), []);
  await page.reload();
  await each.filter({ hasText: "km/h" }).nth(23).waitFor();
  const name = await each.nth(3).locator("bdi").innerText();
  await each.nth(3).click();
  await page.getByRole("heading", { name, exact: true }).waitFor();
  assertEquals(complaints, []);
});

test(
  "the moment under the pointer is told in all of them, and marked in the other charts",
  async (browser, { url }) => {
    await using visited = await visit(browser, `${url}/trains?refresh=0`);
    const { page } = visited;
    const each = charts(page, "Train by train");
    await each.nth(23).waitFor();
    await page.locator(".canvas canvas").nth(1).waitFor();
    const values = () => each.locator(".numeric").allInnerTexts();
    const newest = await values();
    await each.nth(5).locator("svg").hover({ position: { x: 40, y: 20 } });
    assertEquals(await each.locator(".multiple-at").count(), 24);
    assertNotEquals(await values(), newest);
    assertEquals(await page.locator(".line:not([hidden])").count(), 2);
    await page.mouse.move(5, 5);
    assertEquals(await values(), newest);
  },
);

test("each zone has a chart of its requests or its fares", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/rides?refresh=0`);
  const { page, complaints } = visited;
  const each = charts(page, "Zone by zone");
  await each.nth(4).waitFor();
  const requests = await each.allInnerTexts();
  assert(requests.every((text) => /request/.test(text)), requests.join());
  await page.getByLabel("Compare zones by").selectOption("fare");
  await page.getByText("mean fare in the 15 minutes before", { exact: false }).waitFor();
  assertEquals(await findings(page), []);
  const name = await each.first().locator("bdi").innerText();
  await each.first().focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name, exact: true }).waitFor();
  assertEquals(complaints, []);
});

/** Labels of time on a card's scales, and where each is, as a share of the width. */
const TICKS = `[...document.querySelectorAll(".ticks")].map((scale) => {
  const { left, width } = scale.getBoundingClientRect();
  return [...scale.querySelectorAll("span")].filter((one) => one.checkVisibility()).map((one) => {
    const box = one.getBoundingClientRect();
    return { text: one.textContent, share: (box.left + box.width / 2 - left) / width };
  });
})`;

/** A strip's parts by their clock times, and where each begins. */
const PARTS = `(() => {
  const strip = document.querySelector(".strips svg");
  const { left, width } = strip.getBoundingClientRect();
  return [...strip.querySelectorAll("rect")].map((rect) => ({
    text: rect.textContent.match(/(\\d\\d:\\d\\d):00: /)[1],
    share: (rect.getBoundingClientRect().left - left) / width,
  }));
})()`;

interface Placed {
  readonly text: string;
  readonly share: number;
}

test("strips and small charts have labels of time, each below its moment", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/trains?refresh=0`);
  const { page, complaints } = visited;
  await charts(page, "Train by train").nth(23).waitFor();
  await page.locator(".strips rect").first().waitFor();
  const [strips, ...small] = await page.evaluate(TICKS) as Placed[][];
  assert(strips!.length >= 5, JSON.stringify(strips));
  assertEquals(small.map(({ length }) => length >= 2), Array.from({ length: 24 }, () => true));
  const parts = new Map((await page.evaluate(PARTS) as Placed[]).map(({ text, share }) => [text, share]));
  for (const { text, share } of strips!) {
    const part = parts.get(text);
    // A midnight is told by its day, and a train may have said nothing.
    if (part !== undefined) assert(Math.abs(part - share) < 0.005, `${text}: ${share}, not ${part}`);
  }
  assert(strips!.some(({ text }) => parts.has(text)));
  await page.setViewportSize({ width: 390, height: 844 });
  const [few] = await page.evaluate(TICKS) as Placed[][];
  assert(few!.length >= 2 && few!.length < strips!.length, JSON.stringify(few));
  assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 390);
  assertEquals(complaints, []);
});
