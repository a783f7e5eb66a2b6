// Whose request it is: the address of the connection, or, where that is a proxy that is named, the one for which the proxy
// asks. Must not know what is limited by it.
import { BlockList, isIP, isIPv6 } from "node:net";
import type { Context } from "hono";
import type { ClientConnection } from "./connections.ts";

/** What the server tells of a request's connection. */
export interface Client {
  readonly remoteAddress: string;
  /** What counts as one client, by {@link clientGroup}: said once for all requests of a connection. */
  readonly group: string;
  /** For answers that are made in pieces: while one is, the connection does not wait for a request. */
  readonly connection?: Pick<ClientConnection, "begin" | "end" | "close">;
}

/** Who takes an answer that is made in pieces. */
export interface Taker {
  readonly address: string;
  /** Of the answer; while there is one, it does not wait for a request. */
  readonly connection?: Client["connection"];
}

const NOBODY: Client = { remoteAddress: "", group: "" };

/** What the server told of the request's connection; nothing where there is none, as in tests of routes. */
export function clientOf(c: Context): Client {
  return (c.env as Client | undefined) ?? NOBODY;
}

/** An IPv6 address with a zone, or an IPv4 address in one of IPv6, as the plain one. */
export function plainAddress(address: string): string {
  const [plain = ""] = address.split("%");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain);
  return mapped?.[1] ?? plain;
}

/** What counts as one client: an IPv4 address, or the 64 bits of an IPv6 address that a network is given. */
export function clientGroup(address: string): string {
  const plain = plainAddress(address);
  if (!isIPv6(plain)) return plain;
  const [head = "", tail] = plain.toLowerCase().split("::");
  const parts = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const rest = tail === "" ? [] : tail.split(":");
    while (parts.length + rest.length < 8) parts.push("0");
    parts.push(...rest);
  }
  return parts.slice(0, 4).map((part) => part.padStart(4, "0")).join(":");
}

/** Tells the addresses of proxies from others; `undefined` where none is named. */
export function proxyCheck(proxies: readonly string[]): ((address: string) => boolean) | undefined {
  if (proxies.length === 0) return undefined;
  const list = new BlockList();
  for (const proxy of proxies) {
    const [address = "", bits] = proxy.split("/");
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address) => {
    const plain = plainAddress(address);
    return isIP(plain) !== 0 && list.check(plain, isIPv6(plain) ? "ipv6" : "ipv4");
  };
}

/** The address that a request counts for. Of `X-Forwarded-For` only what named proxies wrote is believed: from the end on. */
export function clientAddress(isProxy: ((address: string) => boolean) | undefined): (c: Context) => string {
  return (c) => {
    const { remoteAddress, group } = clientOf(c);
    if (!isProxy?.(remoteAddress)) return group;
    const told = (c.req.header("x-forwarded-for") ?? "").split(",")
      .map((part) => plainAddress(withoutPort(part.trim())));
    // What a proxy wrote that cannot be read hides what is before it, which the client may have made up.
    const client = told.findLast((address) => isIP(address) === 0 || !isProxy(address));
    return client === undefined || isIP(client) === 0 ? group : clientGroup(client);
  };
}

/** Some proxies write `203.0.113.5:41234` or `[2001:db8::1]:41234`. */
function withoutPort(address: string): string {
  return /^\[(.+)\](?::\d+)?$/.exec(address)?.[1] ?? /^([\d.]+):\d+$/.exec(address)?.[1] ?? address;
}
