// The bundle's list of domains that have a page of their own is the one that the list of domains makes.

import { assertEquals } from "@std/assert";
import { listOfPages } from "../../build/page.ts";

Deno.test("the page's list of domains is as build/page.ts writes it: else run deno task page and commit it", async () => {
  const list = new URL("../../src/http/dashboard/page/domain_pages.ts", import.meta.url);
  assertEquals(await Deno.readTextFile(list), await listOfPages());
});
