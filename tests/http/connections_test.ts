// Who may be connected, by an injected clock and without sockets; over sockets: connection_limits_test.ts.
import { assert, assertEquals } from "@std/assert";
import { type ClientConnection, type ConnectionLimits, Connections } from "../../src/http/connections.ts";

const LIMITS: ConnectionLimits = { total: 4, perAddress: 3, headersMs: 100, idleMs: 1_000 };

function setUp(changes: Partial<ConnectionLimits> = {}) {
  const time = { now: 0 };
  const closed: string[] = [];
  const connections = new Connections({
    limits: { ...LIMITS, ...changes },
    now: () => time.now,
    onClose: (reason) => void closed.push(reason),
  });
  const cut: string[] = [];
  const open: ClientConnection[] = [];
  const admit = (address: string, name = address) => {
    const admitted = connections.admit(address, () => {
      cut.push(name);
      return Promise.resolve();
    });
    if (typeof admitted === "string") return admitted;
    open.push(admitted);
    return admitted;
  };
  const close = () => open.forEach((connection) => connections.remove(connection));
  return { time, closed, cut, connections, admit, [Symbol.dispose]: close };
}

Deno.test("where all places are taken, the one that has waited longest is closed for a new one", () => {
  using world = setUp();
  const { time, admit, cut, closed, connections } = world;
  for (const name of ["a", "b", "c", "d"]) {
    time.now++;
    admit(name);
  }
  assert(typeof admit("e") === "object");
  assertEquals([cut, closed, connections.size], [["a"], ["total"], 4]);
});

Deno.test("a connection that is being answered is not closed for a new one, which is turned away", () => {
  using world = setUp();
  const { admit, cut } = world;
  const held = ["a", "b", "c", "d"].map((name) => admit(name));
  for (const one of held) (one as ClientConnection).begin();
  assertEquals([admit("e"), cut], ["total", []]);
  (held[2] as ClientConnection).end();
  assert(typeof admit("e") === "object");
  assertEquals(cut, ["c"]);
});

Deno.test("an address that has as many as it may have loses its own, and no other one's", () => {
  using world = setUp();
  const { time, admit, cut, closed } = world;
  admit("other");
  for (const name of ["1", "2", "3", "4"]) {
    time.now++;
    admit("a", name);
  }
  assertEquals([cut, closed], [["1"], ["address"]]);
});

Deno.test("an address whose connections are all being answered is turned away, and others are not", () => {
  using world = setUp();
  const { admit } = world;
  for (const name of ["1", "2", "3"]) (admit("a", name) as ClientConnection).begin();
  assertEquals(admit("a"), "address");
  assert(typeof admit("b") === "object");
});

Deno.test("addresses of one IPv6 network are one address", () => {
  using world = setUp();
  const { admit } = world;
  for (const end of ["1", "2:3", "ffff:0:1"]) (admit(`2001:db8:0:7::${end}`) as ClientConnection).begin();
  assertEquals(admit("2001:db8:0:7::9"), "address");
  assert(typeof admit("2001:db8:0:8::9") === "object");
});

Deno.test("a proxy that is named has no limit of its own", () => {
  using world = setUp({ isShared: (address) => address === "proxy" });
  const { admit, cut } = world;
  for (const name of ["1", "2", "3", "4"]) admit("proxy", name);
  assertEquals(cut, []);
});

Deno.test("whose headers do not come, or whose next request, is closed", () => {
  using world = setUp();
  const { time, admit, cut, closed, connections } = world;
  admit("silent");
  const asked = admit("asked") as ClientConnection;
  const asking = admit("asking") as ClientConnection;
  asked.begin();
  asked.end();
  asking.begin();
  time.now = 99;
  connections.closeLate();
  assertEquals(cut, []);
  time.now = 100;
  connections.closeLate();
  assertEquals(cut, ["silent"]);
  time.now = 1_000;
  connections.closeLate();
  assertEquals([cut, closed], [["silent", "asked"], ["slow_headers", "idle"]]);
  asking.end();
  time.now = 1_999;
  connections.closeLate();
  assertEquals(cut, ["silent", "asked"]);
});

Deno.test("requests over one connection at the same time wait for none of each other", () => {
  using world = setUp();
  const { time, admit, cut, connections } = world;
  const connection = admit("a") as ClientConnection;
  connection.begin();
  connection.begin();
  connection.end();
  time.now = 5_000;
  connections.closeLate();
  assertEquals(cut, []);
  connection.end();
  time.now = 6_000;
  connections.closeLate();
  assertEquals(cut, ["a"]);
});

Deno.test("when descriptors run out some are given back, and fewer connections are taken for a minute", () => {
  using world = setUp({ total: 100, perAddress: 100 });
  const { time, admit, cut, closed, connections } = world;
  for (let n = 0; n < 40; n++) {
    time.now++;
    admit("a", String(n));
  }
  connections.makeRoom();
  assertEquals([connections.size, cut.at(0), cut.at(-1), closed[0]], [30, "0", "9", "descriptors"]);
  admit("a", "new");
  assertEquals([connections.size, cut.at(-1)], [30, "10"]);
  time.now += 60_000;
  admit("a", "later");
  assertEquals(connections.size, 31);
});
