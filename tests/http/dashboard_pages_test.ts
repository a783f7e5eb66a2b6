// The bundle's list of domains that have a page of their own is the one that the list of domains makes.

import { assertEquals } from "@std/assert";
import { listOfPages } from "../../build/page.ts";
import { LINES } from "../../simulators/trains_network.ts";
import { domainModules } from "../../src/domains/mod.ts";
import { NETWORK } from "../../src/domains/trains/page/network.ts";

Deno.test("the page's list of domains is as build/page.ts writes it: else run deno task page and commit it", async () => {
  const list = new URL("../../src/http/dashboard/page/domain_pages.ts", import.meta.url);
  assertEquals(await Deno.readTextFile(list), await listOfPages());
});

Deno.test("a domain that has panels of its own has a page that shows them, and the other way round", async () => {
  const list = await listOfPages();
  const paged = domainModules.map(({ name }) => name).filter((name) => list.includes(`domains/${name}/page/mod.tsx`));
  assertEquals(paged, domainModules.filter(({ panels }) => panels !== undefined).map(({ name }) => name));
});

Deno.test("the map draws the lines that the simulated trains run on", () => {
  const near = (n: number) => Math.round(n * 1e5) / 1e5;
  const lines = LINES.map(({ name, stations }) => ({
    name,
    stations: stations.map(({ name, latitude, longitude }) => [name, near(latitude), near(longitude)]),
  }));
  assertEquals<unknown>(NETWORK, lines);
});
