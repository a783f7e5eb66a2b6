import { assertEquals } from "@std/assert";
import { Hono } from "hono";
import { type Client, clientAddress, clientGroup, proxyCheck } from "../../src/http/client_address.ts";

const GROUPS: readonly (readonly [address: string, group: string])[] = [
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["::1", "0000:0000:0000:0000"],
  ["2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002"],
  ["2001:DB8:1:2::6", "2001:0db8:0001:0002"],
  ["2001:db8::1:2:3:4", "2001:0db8:0000:0000"],
  ["fe80::1%eth0", "fe80:0000:0000:0000"],
];

for (const [address, group] of GROUPS) {
  Deno.test(`${address} counts as ${group}`, () => assertEquals(clientGroup(address), group));
}

interface Asked {
  readonly from: string;
  readonly forwarded?: string;
}

const PROXIES = ["10.0.0.0/8", "192.0.2.1", "fd00::/8"];

const CASES: readonly (readonly [name: string, asked: Asked, proxies: readonly string[], address: string])[] = [
  ["a client's own word is not believed", { from: "203.0.113.5", forwarded: "1.2.3.4" }, PROXIES, "203.0.113.5"],
  ["without named proxies nobody's word is", { from: "10.1.1.1", forwarded: "1.2.3.4" }, [], "10.1.1.1"],
  ["a named proxy's word is believed", { from: "10.1.1.1", forwarded: "203.0.113.5" }, PROXIES, "203.0.113.5"],
  ["of IPv6 too", { from: "fd00::9", forwarded: "2001:db8:1:2::6" }, PROXIES, "2001:0db8:0001:0002"],
  ["a proxy in IPv6's clothes is known", { from: "::ffff:10.1.1.1", forwarded: "203.0.113.5" }, PROXIES, "203.0.113.5"],
  [
    "what the client wrote before its proxy did is not",
    { from: "10.1.1.1", forwarded: "1.2.3.4, 203.0.113.5" },
    PROXIES,
    "203.0.113.5",
  ],
  [
    "proxies behind each other are passed over",
    { from: "10.1.1.1", forwarded: "1.2.3.4, 203.0.113.5, 192.0.2.1, 10.2.2.2" },
    PROXIES,
    "203.0.113.5",
  ],
  ["a proxy that says nothing counts itself", { from: "10.1.1.1" }, PROXIES, "10.1.1.1"],
  [
    "a proxy that writes the port, too, is understood",
    { from: "10.1.1.1", forwarded: "9.9.9.9, 203.0.113.5:41234" },
    PROXIES,
    "203.0.113.5",
  ],
  [
    "also of IPv6",
    { from: "10.1.1.1", forwarded: "9.9.9.9, [2001:db8:1:2::6]:41234, 10.2.2.2:80" },
    PROXIES,
    "2001:0db8:0001:0002",
  ],
  [
    "what is before a word that cannot be read is not believed",
    { from: "10.1.1.1", forwarded: "9.9.9.9, unknown" },
    PROXIES,
    "10.1.1.1",
  ],
  ["one that says what is no address, too", { from: "10.1.1.1", forwarded: "unknown" }, PROXIES, "10.1.1.1"],
];

for (const [name, { from, forwarded }, proxies, expected] of CASES) {
  Deno.test(`whose request it is: ${name}`, async () => {
    const addressOf = clientAddress(proxyCheck(proxies));
    const app = new Hono().get("/", (c) => c.text(addressOf(c)));
    const client: Client = { remoteAddress: from, group: clientGroup(from) };
    const headers = forwarded === undefined ? undefined : { "x-forwarded-for": forwarded };
    const response = await app.request("/", { headers }, client);
    assertEquals(await response.text(), expected);
  });
}
