// The page that the dashboard makes of a domain without one of its own, in a real browser: the domain is one that `freshet new`
// has just written, with an output more, that raises alerts.
import { assertEquals } from "@std/assert";
import { findings } from "../support/browser/accessible.ts";
import { launch, whyNoChromium } from "../support/browser/chromium.ts";
import { visit } from "../support/browser/visit.ts";
import { Checkout, FRESHET } from "../support/checkout.ts";

const skip = await whyNoChromium();

const SIGHTS = [{ width: 390, height: 844, colorScheme: "light" }, {
  width: 1600,
  height: 1000,
  colorScheme: "dark",
}] as const;

const TEXTS = [
  "Events",
  "Dead letters",
  "Event count by id, stacked",
  "Parcels latest",
  "thing-1",
  "Alerts",
  "High value",
];

const ALERTS = `-- version 2: alerts
CREATE TABLE IF NOT EXISTS PARCELS_ALERTS (
  ALERT_ID VARCHAR, ALERT_TYPE VARCHAR, ID VARCHAR, STATUS VARCHAR, STARTED_AT TIMESTAMP_NTZ, LAST_SEEN_AT TIMESTAMP_NTZ,
  CLEARED_AT TIMESTAMP_NTZ, THRESHOLD DOUBLE, EVENT_COUNT BIGINT, PEAK_VALUE DOUBLE, VERSION BIGINT, KAFKA_PARTITION BIGINT,
  UPDATED_AT TIMESTAMP_NTZ
);
`;

/** An output of the new domain that raises an alert while values are high. */
const EPISODES = `events.keyBy(byId).holding((e) => e.value > 60).episodes("PARCELS_ALERTS", {
          type: "HIGH_VALUE",
          threshold: 60,
          value: (e) => e.value,
        }),
      ],
      sql,`;

async function addAlerts({ folder }: Checkout): Promise<void> {
  const [pipeline, tables] = [`${folder}/src/domains/parcels/mod.ts`, `${folder}/sql/parcels.sql`];
  const before = await Deno.readTextFile(pipeline);
  const after = before.replace("],\n      sql,", EPISODES);
  assertEquals(after.length > before.length, true);
  await Deno.writeTextFile(pipeline, after);
  await Deno.writeTextFile(tables, ALERTS, { append: true });
}

Deno.test({
  name: "a domain that was just begun has a page: numbers, a chart that can be changed, rows, alerts",
  ignore: skip !== undefined,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using checkout = await Checkout.copied();
    await checkout.takePage();
    await checkout.must(...FRESHET, "new", "parcels");
    await addAlerts(checkout);
    await checkout.must("check", "--quiet", "src/domains/mod.ts");
    await checkout.must(...FRESHET, "simulate", "parcels", "--days", "1", "--bad", "0.01");
    await checkout.must(...FRESHET, "run", "parcels", "--until-end");
    await using run = await checkout.run("run", "parcels", "--no-simulate");
    const browser = await launch();
    try {
      for (const { width, height, colorScheme } of SIGHTS) {
        await using visited = await visit(browser, `${run.dashboard}/parcels`, {
          viewport: { width, height },
          colorScheme,
        });
        const { page, complaints } = visited;
        for (const text of TEXTS) await page.getByText(text, { exact: false }).first().waitFor({ state: "attached" });
        await page.getByRole("link", { name: "Parcels" }).waitFor();
        await page.locator(".canvas canvas").waitFor();
        await page.getByLabel("What is drawn of Parcels hourly").selectOption({ label: "Max value" });
        await page.getByText("Max value by id").waitFor();
        assertEquals(await page.evaluate("document.documentElement.scrollWidth"), width);
        assertEquals(await findings(page), []);
        assertEquals(complaints, []);
        const shots = Deno.env.get("FRESHET_SHOTS");
        if (shots !== undefined) await page.screenshot({ path: `${shots}/made_${width}.png`, fullPage: true });
      }
    } finally {
      await browser.close();
    }
  },
});
