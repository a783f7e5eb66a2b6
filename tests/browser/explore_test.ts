// Exploring by SQL and by clicks, in a real browser: what is written, answered, drawn, copied, and found again.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Page } from "playwright-core";
import { findings } from "../support/browser/accessible.ts";
import { browserFixture } from "../support/browser/fixture.ts";
import { visit } from "../support/browser/visit.ts";

const test = await browserFixture({ history: [["trains", "--days", "1"]], domains: ["trains"] });

const STATEMENT =
  "SELECT TRAIN_ID, WINDOW_START, EVENT_COUNT FROM ATS_HOURLY_STATS ORDER BY WINDOW_START, TRAIN_ID LIMIT 120";

/** The editor, when its script is there. */
async function editorOf(page: Page) {
  await page.locator(".editor .cm-content").waitFor();
  return page.getByRole("textbox", { name: "SQL statement" });
}

async function write(page: Page, text: string): Promise<void> {
  await (await editorOf(page)).click();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.keyboard.type(text);
  await page.keyboard.press("Escape");
}

const card = (page: Page, title: string) =>
  page.locator("section.card").filter({ has: page.getByRole("heading", { name: title, exact: true }) });

const sqlPath = (sql: string, more: Readonly<Record<string, string>> = {}) =>
  `/explore/sql?${new URLSearchParams({ sql, ...more })}`;

for (
  const [width, colorScheme] of [[390, "light"], [390, "dark"], [1024, "light"], [1600, "dark"], [
    1600,
    "light",
  ]] as const
) {
  test(`a result at ${width} px, ${colorScheme}: accessible, as a table and as a chart`, async (browser, { url }) => {
    const at = url + sqlPath(STATEMENT);
    await using visited = await visit(browser, at, { viewport: { width, height: 900 }, colorScheme });
    const { page, complaints } = visited;
    await editorOf(page);
    await page.getByText("120 rows").waitFor();
    assertEquals(await findings(page), []);
    await page.getByRole("button", { name: "Lines" }).click();
    await card(page, "Result").locator(".canvas canvas").waitFor();
    assertEquals(await findings(page), []);
    assertEquals(await page.evaluate("document.documentElement.scrollWidth"), width);
    assertEquals(complaints, []);
  });
}

test(
  "a statement is completed, run by Ctrl-Enter, and lies in the address and in the history",
  async (browser, { url }) => {
    await using visited = await visit(browser, `${url}/explore/sql`);
    const { page, complaints, requests } = visited;
    await write(page, "SELECT COUNT(*) AS N FROM ATS_HOURLY_ST");
    await page.keyboard.press("Control+Space");
    await page.getByRole("option", { name: "ATS_HOURLY_STATS", exact: true }).first().click();
    // Completion of columns knows the table.
    await page.keyboard.type(" WHERE TRAIN");
    await page.getByRole("option", { name: "TRAIN_ID" }).first().click();
    await page.keyboard.type(" IS NOT NULL");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+Enter");
    await page.getByText("1 row ·").waitFor();
    const sql = "SELECT COUNT(*) AS N FROM ATS_HOURLY_STATS WHERE TRAIN_ID IS NOT NULL";
    assertEquals(new URL(page.url()).searchParams.get("sql"), sql);
    assertEquals(requests.filter((path) => path === "/api/query").length, 1);
    await page.reload();
    await page.getByText("1 row ·").waitFor();
    await page.goto(`${url}/explore/sql`);
    await editorOf(page);
    await page.getByText("History", { exact: true }).click();
    await card(page, "Statement").getByRole("button", { name: /^SELECT COUNT/ }).click();
    await page.getByRole("button", { name: /^Run/ }).click();
    await page.getByText("1 row ·").waitFor();
    assertEquals(complaints, []);
  },
);

test("an error is told, and marked where it is", async (browser, { url }) => {
  await using visited = await visit(browser, url + sqlPath("SELECT TRAIN_ID,\n  SPEEED FROM ATS_LATEST_STATUS"));
  const { page } = visited;
  await editorOf(page);
  const problem = card(page, "Statement").getByRole("alert");
  await problem.waitFor();
  assertStringIncludes(await problem.innerText(), "SPEEED");
  assertEquals(await page.locator(".cm-lintRange-error").innerText(), "SPEEED");
  await write(page, "DROP TABLE ATS_ALERTS");
  await page.keyboard.press("Control+Enter");
  await page.getByText("Only statements that read are allowed", { exact: false }).waitFor();
  assertEquals(await findings(page), []);
});

test(
  "a result is filtered by a click, sorted, cut to some columns, and copied as it is shown",
  async (browser, { url }) => {
    const permissions = ["clipboard-read", "clipboard-write"];
    await using visited = await visit(browser, url + sqlPath(STATEMENT), { permissions });
    const { page } = visited;
    await page.getByText("120 rows").waitFor();
    const rows = card(page, "Result").locator("tbody tr");
    const train = await rows.first().getByRole("button").first().innerText();
    await rows.first().getByRole("button", { name: train, exact: true }).click();
    await page.getByRole("button", { name: `Filter TRAIN_ID is ${train}: take away` }).waitFor();
    const few = await rows.count();
    assert(few > 1 && few < 20, `${few} rows`);
    await card(page, "Result").getByRole("columnheader", { name: /WINDOW_START/ }).getByRole("button").click();
    await card(page, "Result").getByText("Columns", { exact: false }).first().click();
    await page.getByRole("checkbox", { name: "EVENT_COUNT" }).uncheck();
    await page.getByRole("button", { name: "Copy as JSON" }).click();
    await page.getByText(`Copied ${few} rows as JSON`).waitFor();
    const copied = JSON.parse(await page.evaluate("navigator.clipboard.readText()")) as Record<string, string>[];
    assertEquals([copied.length, Object.keys(copied[0]!)], [few, ["TRAIN_ID", "WINDOW_START"]]);
    assert(copied.every(({ TRAIN_ID }) => TRAIN_ID === train));
    assert(copied[0]!.WINDOW_START! > copied.at(-1)!.WINDOW_START!, "the newest first");
    await page.getByRole("button", { name: "Copy as Markdown" }).click();
    await page.getByText(`Copied ${few} rows as Markdown`).waitFor();
    const text = await page.evaluate("navigator.clipboard.readText()") as string;
    assert(text.startsWith(`| TRAIN_ID | WINDOW_START |\n| --- | --- |\n| ${train} |`), text);
  },
);

test("a result is drawn, split by a column, as the address says", async (browser, { url }) => {
  const more = { draw: "bars", by: "TRAIN_ID", x: "WINDOW_START", y: "EVENT_COUNT" };
  await using visited = await visit(browser, url + sqlPath(STATEMENT, more));
  const { page } = visited;
  const result = card(page, "Result");
  await result.locator(".canvas canvas").waitFor();
  assert(await result.getByRole("list", { name: /^Series of/ }).getByRole("button").count() > 3);
  await result.getByLabel("Split by").selectOption("");
  assertEquals(new URL(page.url()).searchParams.get("by"), null);
});

test(
  "a click on a value in a table shows the rows that have it; columns that are hidden stay so",
  async (browser, { url }) => {
    await using visited = await visit(browser, `${url}/explore?table=ATS_HOURLY_STATS`);
    const { page } = visited;
    const table = card(page, "ATS_HOURLY_STATS");
    await table.locator("tbody tr").first().waitFor();
    await table.locator("tbody tr").first().getByRole("button", { name: /^(true|false)$/ }).first().click();
    await page.getByRole("button", { name: /^Filter IS_FINAL is (true|false): take away$/ }).waitFor();
    await table.getByText("Columns", { exact: false }).first().click();
    await page.getByRole("checkbox", { name: "VERSION" }).uncheck();
    await page.reload();
    await table.locator("tbody tr").first().waitFor();
    assertEquals(await table.getByRole("columnheader", { name: /^VERSION/ }).count(), 0);
    await table.getByText("Columns", { exact: false }).first().click();
    await page.getByRole("button", { name: "Show all" }).click();
    await table.getByRole("columnheader", { name: /^VERSION/ }).waitFor();
  },
);

test("the keys of the page are text in the editor", async (browser, { url }) => {
  await using visited = await visit(browser, `${url}/explore/sql`);
  const { page } = visited;
  await write(page, "p/?gt");
  assertEquals(new URL(page.url()).pathname, "/explore/sql");
  assertEquals(await page.getByRole("dialog").count(), 0);
  assertEquals(new URL(page.url()).searchParams.get("refresh"), null);
});
