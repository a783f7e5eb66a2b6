// A page moves by its stream, in a real browser: nothing is asked again, nothing is sent to a page that nobody sees, and where
// the stream does not come the page asks.
import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { browserFixture } from "../support/browser/fixture.ts";
import { eventsOf } from "../support/browser/events.ts";
import type { Site } from "../support/browser/site.ts";
import { visit } from "../support/browser/visit.ts";

const test = await browserFixture({ history: [["trains", "--count", "5000"]], domains: ["trains"] });

let reports = 0;

/** A report of a train of its own with so many passengers. */
async function report(site: Site, passengers: number): Promise<void> {
  await site.produce("ats_telemetry", "LIVE", {
    timestamp: new Date(Date.now() + ++reports).toISOString(),
    train_id: "LIVE",
    line: "Central Line",
    passenger_count: passengers,
    capacity: 1000,
    total_weight_tons: 200,
    power_draw_kw: 400,
    speed_kmh: 40,
    latitude: 51.45,
    longitude: -2.58,
  });
}

const row = (page: Page) =>
  page.getByRole("region", { name: "Trains now", exact: true }).getByRole("row").filter({ hasText: "LIVE" });

/** Questions whose answers the stream has. */
const panelsAsked = (requests: readonly string[]) => requests.filter((request) => request.startsWith("/api/panels"));

/** Whether somebody sees the page, as the browser tells it. */
async function setSeen(page: Page, isSeen: boolean): Promise<void> {
  await page.evaluate(`Object.defineProperty(document, "hidden", { value: ${!isSeen}, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"))`);
}

test(
  "tables and charts move by the stream: no panel is asked for, and of each only what has changed is sent",
  async (browser, site) => {
    await using visited = await visit(browser, `${site.url}/trains?refresh=2`);
    const { page, requests, complaints } = visited;
    const events = await eventsOf(page);
    for (const passengers of [101, 102, 103]) {
      await report(site, passengers);
      await row(page).filter({ hasText: String(passengers) }).waitFor();
    }
    assertEquals(panelsAsked(requests), []);
    assertEquals(requests.filter((request) => request.startsWith("/api/live")).length, 1);
    const changes = events.filter(({ name, data }) => name.startsWith("ask-") && !data.startsWith('{"is"'));
    assert(changes.length > 3, `${changes.length} changes`);
    assert(changes.every(({ data }) => data.length < 5_000), changes.map(({ data }) => data.length).join());
    assertEquals(complaints, []);
  },
);

test("another filter opens the stream anew, and what is here already is not sent again", async (browser, site) => {
  await using visited = await visit(browser, `${site.url}/trains?refresh=60`);
  const { page, requests } = visited;
  await row(page).waitFor();
  const events = await eventsOf(page);
  await page.getByLabel("Time range").selectOption("1h");
  await page.getByText("every minute", { exact: false }).first().waitFor();
  const opened = requests.filter((request) => request.startsWith("/api/live"));
  assertEquals(opened.length, 2);
  assert(new URLSearchParams(opened[1]).get("have")!.split(",").filter((id) => id !== "").length > 4, opened[1]);
  // Those without a range in their question are as before.
  const names = new URLSearchParams(opened[1]).getAll("ask");
  const sent = () =>
    events.filter(({ name, data }) => name.startsWith("ask-") && data.startsWith('{"is"'))
      .map(({ name }) => names[Number(name.slice(4))]!);
  while (sent().length < 3) await page.waitForTimeout(100);
  assert(sent().every((ask) => ask.includes("range=1h")), sent().join());
  assertEquals(panelsAsked(requests), []);
});

test(
  "a page that nobody sees is sent nothing and asks nothing, and catches up when it is seen",
  async (browser, site) => {
    await using visited = await visit(browser, `${site.url}/trains?refresh=2`);
    const { page, requests } = visited;
    await report(site, 201);
    await row(page).filter({ hasText: "201" }).waitFor();
    await setSeen(page, false);
    await page.waitForTimeout(500);
    const events = await eventsOf(page);
    const asked = requests.length;
    await report(site, 202);
    await page.waitForTimeout(5_000);
    assertEquals([events.length, requests.length - asked], [0, 0]);
    await setSeen(page, true);
    await row(page).filter({ hasText: "202" }).waitFor();
    assertEquals(panelsAsked(requests), []);
  },
);

test(
  "where the stream does not come through, the page asks, and says so; when it comes, it is used",
  async (browser, site) => {
    await using visited = await visit(browser, `${site.url}/trains?refresh=2`);
    const { page, requests } = visited;
    await row(page).waitFor();
    await page.route("**/api/live?*", (route) => route.abort());
    await page.reload();
    await report(site, 301);
    await row(page).filter({ hasText: "301" }).waitFor();
    await page.locator(".state-line", { hasText: "connecting" }).waitFor();
    assert(panelsAsked(requests).length > 0);
    await page.unroute("**/api/live?*");
    await page.locator(".state-line", { hasText: "live" }).waitFor();
    const asked = panelsAsked(requests).length;
    await report(site, 302);
    await row(page).filter({ hasText: "302" }).waitFor();
    assertEquals(panelsAsked(requests).length, asked);
  },
);

test("a server that says nothing any more is missed, and is there again when it is", async (browser, site) => {
  await using visited = await visit(browser, `${site.url}/trains`);
  const { page } = visited;
  const state = page.locator(".state-line");
  await state.filter({ hasText: "live" }).waitFor();
  site.freeze();
  try {
    await state.filter({ hasText: "connecting" }).waitFor({ timeout: 60_000 });
  } finally {
    site.thaw();
  }
  await state.filter({ hasText: "live" }).waitFor();
  await report(site, 351);
  await row(page).filter({ hasText: "351" }).waitFor();
});

test("a paused page asks once for what is chosen anew, and goes on by the stream", async (browser, site) => {
  await using visited = await visit(browser, `${site.url}/trains?refresh=0`);
  const { page, requests } = visited;
  await row(page).waitFor();
  // Alerts and the state of the pipelines come by the stream alone, which is open until they have been told.
  await page.getByText("Loading…").first().waitFor({ state: "detached" });
  await page.waitForTimeout(1_000);
  assertEquals(requests.filter((request) => request.startsWith("/api/live")).length, 1);
  const asked = panelsAsked(requests).length;
  await report(site, 401);
  await page.waitForTimeout(3_000);
  assertEquals(panelsAsked(requests).length, asked);
  await page.getByRole("button", { name: "Resume" }).click();
  await row(page).filter({ hasText: "401" }).waitFor();
  assertEquals(panelsAsked(requests).length, asked);
});
