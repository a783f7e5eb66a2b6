import { launch } from "./support/browser/chromium.ts";
import { Site } from "./support/browser/site.ts";
import { visit } from "./support/browser/visit.ts";
const browser = await launch();
await using site = await Site.start({
  history: [["trains", "--days", "1"], ["rides", "--days", "1"]],
  domains: ["trains", "rides"],
});
for (const path of ["/trains", "/rides", "/pipeline", "/"]) {
  await using v = await visit(browser, site.url + path + "?refresh=2", { viewport: { width: 1600, height: 900 } });
  const cdp = await v.page.context().newCDPSession(v.page);
  await cdp.send("Network.enable");
  const got: [string, number][] = [];
  cdp.on("Network.eventSourceMessageReceived", (m) => got.push([m.eventName, m.data.length]));
  const t0 = Date.now();
  await v.page.waitForTimeout(2000);
  for (let n = 0; n < 6; n++) {
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
    await v.page.waitForTimeout(1000);
  }
  console.log(
    path,
    Date.now() - t0,
    v.complaints,
    v.requests.map((r) => r.slice(0, 120)),
    await v.page.locator(".state-line").innerText(),
  );
  const by = Map.groupBy(got, ([n]) => n);
  for (const [n, all] of by) console.log("  ", n, all.map(([, s]) => s).join(" "));
}
await browser.close();
