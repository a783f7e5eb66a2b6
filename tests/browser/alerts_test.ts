// Working with alerts on the page, in a real browser, beside a real receiver of webhooks: many are one row, somebody takes them up,
// rules are muted, and what people annotate is on the charts. FRESHET_SHOTS names a folder for pictures.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Browser, Page } from "playwright-core";
import type { NewRecord } from "../../src/log/log.ts";
import { report } from "../support/alerts/episodes.ts";
import { Receiver, SECRET } from "../support/alerts/receiver.ts";
import { findings } from "../support/browser/accessible.ts";
import { browserFixture } from "../support/browser/fixture.ts";
import { visit } from "../support/browser/visit.ts";
import type { Site } from "../support/browser/site.ts";

const receiver = new Receiver();
Deno.test.afterAll(async () => await receiver.stop());
const MINUTE_MS = 60_000;
const OLD_TRAINS = Array.from({ length: 30 }, (_, i) => `OLD${i}`);
const test = await browserFixture({
  fill: async (log) => {
    await log.createTopics([{ topic: "ats_telemetry", partitions: 3 }]);
    await log.produce("ats_telemetry", day(Date.now()));
  },
  domains: ["trains"],
  env: {
    FRESHET_ALERT_WEBHOOK: receiver.url,
    FRESHET_ALERT_WEBHOOK_SECRET: SECRET,
    // They stay active for as long as the tests take.
    ATS_ALERT_GAP_SECONDS: "1200",
  },
});
const SHOTS = Deno.env.get("FRESHET_SHOTS");

/** A day of reports up to a time, epoch milliseconds: all trains were crowded for an hour, eight hours before. Alike at any hour. */
function day(now: number): NewRecord[] {
  const ages = Array.from({ length: 24 * 12 }, (_, i) => (24 * 60 - 5 * i) * MINUTE_MS);
  return ages.flatMap((age) => {
    const isCrowded = age <= 480 * MINUTE_MS && age > 420 * MINUTE_MS;
    return OLD_TRAINS.map((train) => report(train, now - age, isCrowded));
  });
}

const card = (page: Page, title: string) =>
  page.locator("section.card").filter({ has: page.getByRole("heading", { name: title, exact: true }) });

async function shot(page: Page, name: string): Promise<void> {
  if (SHOTS !== undefined) await page.screenshot({ path: `${SHOTS}/${name}.png` });
}

/** Trains that are crowded now. */
async function crowd({ log }: Site, ...trains: readonly string[]): Promise<void> {
  await log.produce("ats_telemetry", trains.map((train) => report(train, Date.now(), true)));
}

async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const giveUpAt = Date.now() + 120_000; !await holds();) {
    assert(Date.now() < giveUpAt, `did not come: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function open(browser: Browser, { url }: Site, query = "") {
  const visited = await visit(browser, `${url}/trains${query}`, { viewport: { width: 1600, height: 1000 } });
  await card(visited.page, "Alerts").locator(".alert").first().waitFor();
  return visited;
}

const isTold = (train: string) => receiver.distinct.some(({ data }) => JSON.stringify(data.labels).includes(train));

test("a wall of alerts of one kind is one row, which opens and stays open", async (browser, site) => {
  await crowd(site, "N1", "N2", "N3", "N4", "N5");
  await until(() => ["N1", "N2", "N3", "N4", "N5"].every(isTold), "the messages");
  assert(!OLD_TRAINS.some(isTold), "none of the day before is told");
  await using visited = await open(browser, site, "?alerts=active&refresh=2");
  const { page, complaints } = visited;
  const row = card(page, "Alerts").getByRole("button", { name: /^Overcrowding, Central: \d+ alerts/ });
  await row.click();
  const items = card(page, "Alerts").locator(".alert .alert");
  await until(async () => await items.count() >= 5, "the alerts of the row");
  await page.waitForTimeout(5_000);
  assert(await items.count() >= 5, "a refresh leaves it open");
  assertStringIncludes(await items.first().innerText(), "passengers");
  await card(page, "Alerts").scrollIntoViewIfNeeded();
  await shot(page, "group-open");
  assertEquals(complaints, []);
});

test(
  "somebody acknowledges alerts: who and why is seen by others and after a restart of the page",
  async (browser, site) => {
    await using visited = await open(browser, site, "?alerts=active");
    const { page } = visited;
    const alerts = card(page, "Alerts");
    await alerts.getByRole("button", { name: /^Acknowledge 5: Overcrowding, Central/ }).click();
    const dialog = page.getByRole("dialog", { name: /^Acknowledge \d+ alerts/ });
    await dialog.getByLabel("Your name").fill("Ann");
    await dialog.getByLabel("Note (may be empty)").fill("more trains are on their way");
    await shot(page, "acknowledge");
    assertEquals(await findings(page), []);
    await dialog.getByRole("button", { name: "Acknowledge" }).click();
    await dialog.waitFor({ state: "detached" });
    await alerts.getByText(/5 active, 5 acknowledged/).waitFor();
    await using other = await open(browser, site, "?alerts=active");
    await card(other.page, "Alerts").getByRole("button", { name: /^Overcrowding, Central/ }).click();
    await card(other.page, "Alerts").getByText(/Acknowledged by Ann.*more trains are on their way/).first().waitFor();
    await shot(other.page, "acknowledged");
    await card(other.page, "Alerts").getByLabel("Which alerts").selectOption("open");
    await until(async () => !(await card(other.page, "Alerts").innerText()).includes("Overcrowding"), "the filter");
    assertEquals(new URL(other.page.url()).searchParams.get("alerts"), "open");
  },
);

test("a rule that is muted tells nobody outside until the mute ends, and the page says so", async (browser, site) => {
  await using visited = await open(browser, site, "?alerts=active");
  const { page } = visited;
  const alerts = card(page, "Alerts");
  await alerts.getByRole("button", { name: /^Mute: Overcrowding, Central/ }).click();
  const dialog = page.getByRole("dialog", { name: "Mute Overcrowding" });
  await dialog.getByLabel("Your name").fill("Ann");
  await dialog.getByLabel("For").selectOption("15");
  await shot(page, "mute");
  await dialog.getByRole("button", { name: "Mute" }).click();
  await alerts.getByText(/is muted until .* by Ann/).waitFor();
  await crowd(site, "QUIET");
  await alerts.getByRole("button", { name: /^Overcrowding, Central: 6 alerts/ }).waitFor();
  await site.log.produce("ats_telemetry", [{
    ...report("LOUD", Date.now(), false),
    value: JSON.stringify({ ...JSON.parse(String(report("LOUD", Date.now(), false).value)), power_draw_kw: 3_000 }),
  }]);
  await until(() => isTold("LOUD"), "the message of another rule");
  assert(!isTold("QUIET"));
  await shot(page, "muted");
  await alerts.getByRole("button", { name: /^End the mute/ }).click();
  await until(() => isTold("QUIET"), "what is active still when the mute has ended");
  await alerts.getByText(/is muted until/).waitFor({ state: "detached" });
});

test("what somebody annotates is on all charts, for others too, until it is taken away", async (browser, site) => {
  await using visited = await open(browser, site);
  const { page } = visited;
  await page.getByRole("button", { name: "Annotations" }).click();
  const dialog = page.getByRole("dialog", { name: "Annotations" });
  const at = (ms: number) => new Date(ms).toISOString().slice(0, 16);
  await dialog.getByLabel("Text").fill("version 2.3");
  await dialog.getByLabel("When (UTC)").fill(at(Date.now() - 90 * MINUTE_MS));
  await dialog.getByLabel("Your name").fill("Ann");
  await dialog.getByRole("button", { name: "Add" }).click();
  await page.locator(".chart-note-deployment").first().waitFor();
  assertEquals(await page.locator(".chart-note").count(), 3, "passengers, power, and the strips of speed");
  await page.locator(".strips .chart-note-deployment").waitFor();
  const noted = page.locator("table.heat td").filter({ has: page.locator(".heat-note") });
  await noted.first().waitFor();
  assertStringIncludes((await noted.first().getAttribute("title"))!, "⚑ deployment: version 2.3 (Ann)");
  await page.getByRole("button", { name: "Annotations" }).click();
  await dialog.getByLabel("Kind").selectOption("incident");
  await dialog.getByLabel("Text").fill("signal failure at Central");
  await dialog.getByLabel("When (UTC)").fill(at(Date.now() - 240 * MINUTE_MS));
  await dialog.getByLabel(/^Until/).fill(at(Date.now() - 200 * MINUTE_MS));
  await dialog.getByLabel(/^On/).selectOption("one");
  await shot(page, "annotate");
  assertEquals(await findings(page), []);
  await dialog.getByRole("button", { name: "Add" }).click();
  await page.locator(".chart-note-incident").first().waitFor();
  await shot(page, "annotated");
  await using other = await open(browser, site);
  await other.page.locator(".chart-note-incident").first().waitFor();
  await other.page.getByRole("button", { name: "Annotations" }).click();
  const list = other.page.getByRole("list", { name: "What is annotated" });
  await list.getByRole("button", { name: "Remove: version 2.3" }).click();
  await until(async () => await other.page.locator(".chart-note-deployment").count() === 0, "the removal");
  assertEquals(await other.page.locator(".chart-note-incident").count(), 3);
});

for (const width of [390, 1024, 1600]) {
  for (const colorScheme of ["light", "dark"] as const) {
    test(`alerts at ${width} px, ${colorScheme}: accessible, nothing to scroll sideways`, async (browser, site) => {
      await using visited = await visit(browser, `${site.url}/trains?alerts=active`, {
        viewport: { width, height: 900 },
        colorScheme,
        hasTouch: width === 390,
      });
      const { page, complaints } = visited;
      const alerts = card(page, "Alerts");
      await alerts.getByRole("button", { name: /^Overcrowding, Central/ }).click();
      await page.locator(".chart-note-incident").first().waitFor();
      await page.waitForTimeout(500);
      assertEquals(await findings(page), []);
      const [wide, seen] = await page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]",
      ) as [number, number];
      assert(wide <= seen, `${wide} px in ${seen}`);
      await alerts.scrollIntoViewIfNeeded();
      await shot(page, `alerts-${width}-${colorScheme}`);
      assertEquals(complaints, []);
    });
  }
}

test("a number of alerts and their marks on charts are as loud as the most severe of them", async (browser, site) => {
  const { value, ...hungry } = report("HUNGRY", Date.now(), false);
  const event = { ...JSON.parse(String(value)), power_draw_kw: 3_000 };
  await site.log.produce("ats_telemetry", [{ ...hungry, value: JSON.stringify(event) }]);
  await crowd(site, "FULL");
  await until(() => isTold("HUNGRY"), "the message");
  for (const [train, kpi, mark] of [["HUNGRY", "warn", "warning"], ["FULL", "bad", "critical"]] as const) {
    await using visited = await open(browser, site, `?train=${train}`);
    const { page, complaints } = visited;
    await page.locator(`.kpi-${kpi}`, { hasText: "Active alerts" }).waitFor();
    const marks = card(page, "Passengers on board").locator(".marks span");
    await marks.first().waitFor();
    assertEquals(await marks.evaluateAll((all) => all.map(({ className }) => className)), [`of-${mark}`]);
    assertEquals(complaints, []);
  }
});
