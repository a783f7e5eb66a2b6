// The charts under fingers, in a real browser with a touch screen of 390 px.
import { assert, assertEquals } from "@std/assert";
import type { Browser, Page } from "playwright-core";
import { browserFixture } from "../support/browser/fixture.ts";
import { type Visit, visit } from "../support/browser/visit.ts";

const test = await browserFixture({ history: [["trains", "--days", "1"]], domains: ["trains"] });

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** A point of the first chart's plot, by shares of its width and height. */
type Point = readonly [x: number, y: number];

/** Puts fingers on the chart, moves each of them from its first point to its last, and lifts them. */
async function touch(page: Page, fingers: readonly (readonly [from: Point, to: Point])[]): Promise<void> {
  const chart = page.locator(".canvas").first();
  await chart.locator("canvas").waitFor();
  await chart.scrollIntoViewIfNeeded();
  const box = (await chart.boundingBox())!;
  const session = await page.context().newCDPSession(page);
  const pointsAt = (share: number) =>
    fingers.map(([[x, y], [toX, toY]], id) => ({
      id,
      x: box.x + box.width * (x + (toX - x) * share),
      y: box.y + box.height * (y + (toY - y) * share),
    }));
  // One after the other, as fingers come.
  for (let n = 1; n <= fingers.length; n++) {
    await session.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: pointsAt(0).slice(0, n) });
  }
  for (const share of [0.2, 0.4, 0.6, 0.8, 1]) {
    await session.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: pointsAt(share) });
  }
  await session.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await session.detach();
}

/** Hours that the address chooses. */
function hoursIn(page: Page): number | undefined {
  const { searchParams } = new URL(page.url());
  if (!searchParams.has("from")) return undefined;
  return (Date.parse(searchParams.get("to")!) - Date.parse(searchParams.get("from")!)) / 3_600_000;
}

const phone = (browser: Browser, url: string): Promise<Visit> => visit(browser, `${url}/trains?refresh=0`, PHONE);

test("a finger that is drawn along a chart chooses a stretch, and a tap pins its values", async (browser, { url }) => {
  await using visited = await phone(browser, url);
  const { page, complaints } = visited;
  await touch(page, [[[0.4, 0.5], [0.8, 0.5]]]);
  await page.waitForFunction("location.search.includes('from=')");
  const hours = hoursIn(page)!;
  assert(hours > 1.5 && hours < 4, `${hours} h`);
  await touch(page, [[[0.6, 0.5], [0.6, 0.5]]]);
  await page.getByRole("group", { name: "Pinned" }).first().waitFor();
  assertEquals(complaints, []);
});

test("two fingers draw the stretch apart and together", async (browser, { url }) => {
  await using visited = await phone(browser, url);
  const { page, complaints } = visited;
  await touch(page, [[[0.45, 0.5], [0.25, 0.5]], [[0.65, 0.5], [0.85, 0.5]]]);
  await page.waitForFunction("location.search.includes('from=')");
  const near = hoursIn(page)!;
  // Three times as wide between the fingers as before.
  assert(near > 1.7 && near < 2.3, `${near} h`);
  const before = page.url();
  await touch(page, [[[0.25, 0.5], [0.45, 0.5]], [[0.85, 0.5], [0.65, 0.5]]]);
  await page.waitForFunction(`location.href !== ${JSON.stringify(before)}`);
  const far = hoursIn(page)!;
  assert(far > 5 && far < 7, `${far} h`);
  assertEquals(await page.evaluate("visualViewport.scale"), 1);
  assertEquals(complaints, []);
});

test("a finger that is drawn up scrolls the page and chooses nothing", async (browser, { url }) => {
  await using visited = await phone(browser, url);
  const { page } = visited;
  await page.locator(".canvas canvas").nth(1).waitFor();
  await page.locator(".canvas").first().scrollIntoViewIfNeeded();
  const top = await page.evaluate("scrollY") as number;
  await touch(page, [[[0.5, 0.9], [0.5, 0.1]]]);
  await page.waitForFunction(`scrollY > ${top}`);
  assertEquals(hoursIn(page), undefined);
});

test("a tap on a line beside a number tells its value, until something else is touched", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/trains?refresh=0`, {
    viewport: { width: 1024, height: 768 },
    hasTouch: true,
  });
  const { page, complaints } = visited;
  const line = page.getByRole("img", { name: "Line of passengers on board", exact: false });
  const tip = page.locator(".spark-tip");
  await line.tap();
  await tip.waitFor();
  await page.waitForTimeout(300);
  assert(/passengers .*UTC$/.test(await tip.innerText()), await tip.innerText());
  await page.getByRole("heading", { name: "Passengers on board" }).tap();
  await tip.waitFor({ state: "detached" });
  assertEquals(complaints, []);
});
