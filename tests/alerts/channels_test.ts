// What each kind of receiver is sent, by receivers of the same kind: webhooks whose signature the library of the Standard
// Webhooks checks, a mail server, the embedded log.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { SMTPServer } from "smtp-server";
import { MessageRefusedError } from "../../src/alerts/channel.ts";
import { alertOf } from "../../src/alerts/channels/alertmanager.ts";
import { mail } from "../../src/alerts/channels/mail.ts";
import { slack, slackBody } from "../../src/alerts/channels/slack.ts";
import { topic } from "../../src/alerts/channels/topic.ts";
import { webhook } from "../../src/alerts/channels/webhook.ts";
import { openEmbeddedLog } from "../../src/log/embedded.ts";
import { message } from "../support/alerts/messages.ts";
import { Receiver, SECRET } from "../support/alerts/receiver.ts";

const never = new AbortController().signal;
const now = () => Date.now();

Deno.test("a webhook is signed so that the library of the Standard Webhooks takes it, with a secret in either form", async () => {
  await using receiver = new Receiver();
  const options = { url: receiver.url, timeoutMs: 5_000, now };
  await using channel = webhook({ ...options, secret: SECRET });
  await channel.send(
    [message(), message({ id: "alert_2", event: "cleared", clearedAt: "2026-11-20T06:26:13.750Z" })],
    never,
  );
  assertEquals(receiver.faults, []);
  assertEquals(receiver.received.map(({ id, event }) => [id, event]), [["alert_1", "raised"], ["alert_2", "cleared"]]);
  const [{ data }] = receiver.received as [(typeof receiver.received)[0]];
  assertEquals([data.status, data.severity, data.labels], ["active", "critical", { TRAIN_ID: "C106" }]);

  await using plain = webhook({ ...options, secret: "a key of the tests, 24 b" });
  await plain.send([message({ id: "alert_3" })], never);
  await using wrong = webhook({ ...options, secret: "another key of the tests" });
  await wrong.send([message({ id: "alert_4" })], never);
  assertEquals(receiver.received.length, 3);
  assertStringIncludes(receiver.faults.join(), "alert_4: No matching signature found");
});

Deno.test("a receiver that says never refuses, all others may take it later, and no error holds the address", async () => {
  const receiver = new Receiver();
  await using channel = webhook({ url: receiver.url, secret: SECRET, timeoutMs: 200, now });
  const failure = () => assertRejects(() => channel.send([message()], never), Error);
  receiver.mood = "refuses";
  assert(await failure() instanceof MessageRefusedError);
  const messages: string[] = [];
  for (const mood of ["fails", "hangs"] as const) {
    receiver.mood = mood;
    const error = await failure();
    assert(!(error instanceof MessageRefusedError));
    messages.push(error.message);
  }
  await receiver.stop();
  messages.push((await failure()).message);
  assertEquals(messages[0], "The receiver answered 503: not today");
  assertEquals(messages[1], "No answer within 200 ms");
  assertStringIncludes(messages[2]!, "The receiver cannot be reached (tcp connect error: Connection refused");
  for (const text of messages) assert(!text.includes("127.0.0.1") && !text.includes("key="), text);
});

Deno.test("which answers refuse a message for good, and a redirect is one that nobody follows", async () => {
  let status = 200;
  const paths: string[] = [];
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const { pathname } = new URL(request.url);
    paths.push(pathname);
    const headers: HeadersInit = status >= 300 && status < 400 ? { location: "/elsewhere" } : {};
    return pathname === "/" ? new Response(null, { status, headers }) : new Response("taken");
  });
  await using channel = webhook({
    url: `http://127.0.0.1:${server.addr.port}/`,
    secret: SECRET,
    timeoutMs: 5_000,
    now,
  });
  for (
    const [answer, isForGood] of [
      ...[301, 307, 400, 401, 404, 410].map((it) => [it, true] as const),
      ...[408, 409, 425, 429, 500, 503].map((it) => [it, false] as const),
    ]
  ) {
    status = answer;
    const error = await assertRejects(() => channel.send([message()], never), Error, String(answer));
    assertEquals(error instanceof MessageRefusedError, isForGood, String(answer));
  }
  assertEquals(new Set(paths), new Set(["/"]));
});

Deno.test("a mail server gets no password over a line that others can read, and one that refuses it may take it later", async () => {
  const logins: string[] = [];
  const server = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    onAuth({ username = "" }: { username?: string | undefined }, _session: unknown, done: (error: Error) => void) {
      logins.push(username);
      done(Object.assign(new Error("Invalid login"), { responseCode: 535 }));
    },
  });
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  const { port } = server.server.address() as { port: number };
  const options = { from: "freshet@example.com", to: ["ops@example.com"], timeoutMs: 5_000 };
  try {
    // The same machine by an address that does not say so.
    for (const [host, told] of [["0.0.0.0", []], ["127.0.0.1", ["me"]]] as const) {
      await using channel = mail({ ...options, url: `smtp://me:hush@${host}:${port}` });
      const error = await assertRejects(() => channel.send([message()], never), Error, "The mail server");
      assert(!(error instanceof MessageRefusedError) && !error.message.includes("hush"), error.message);
      assertEquals(logins, [...told]);
    }
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
});

Deno.test("of an answer that has no end as much is read as is told of it", async () => {
  let status = 404;
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode("no such hook ".repeat(1_000))),
    });
    return new Response(endless, { status });
  });
  await using channel = webhook({ url: `http://127.0.0.1:${server.addr.port}`, secret: SECRET, timeoutMs: 5_000, now });
  const error = await assertRejects(() => channel.send([message()], never), MessageRefusedError);
  assertEquals(error.message.length, "The receiver answered 404: ".length + 200);
  status = 200;
  await channel.send([message()], never);
});

Deno.test("whom a mail server does not take a mail for yet gets it later, and the others not again", async () => {
  const taken: string[][] = [];
  let isBusy = true;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onRcptTo({ address }: { address: string }, _session: unknown, done: (error?: Error) => void) {
      const code = address.startsWith("nobody@") ? 550 : address.startsWith("busy@") && isBusy ? 450 : undefined;
      done(code && Object.assign(new Error(code === 450 ? "Later" : "No such person"), { responseCode: code }));
    },
    onData(
      stream: AsyncIterable<Uint8Array>,
      session: { envelope: { rcptTo: { address: string }[] } },
      done: () => void,
    ) {
      (async () => {
        for await (const _ of stream);
        taken.push(session.envelope.rcptTo.map(({ address }) => address));
        done();
      })();
    },
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `smtp://127.0.0.1:${(server.server.address() as { port: number }).port}`;
  try {
    const [ops, busy, nobody] = ["ops@example.com", "busy@example.com", "nobody@example.com"];
    await using channel = mail({ url, from: "freshet@example.com", to: [ops, busy, nobody], timeoutMs: 5_000 });
    const first = await assertRejects(() => channel.send([message()], never), Error, "not for busy@example.com");
    assert(!(first instanceof MessageRefusedError));
    isBusy = false;
    const second = await assertRejects(() => channel.send([message()], never), MessageRefusedError, "No such person");
    assert(!second.message.includes(busy));
    assertEquals(taken, [[ops], [busy]]);
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
});

Deno.test("a mail server that goes on talking holds nobody up for ever", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let isOver = false;
  const talking = (async () => {
    using connection = await listener.accept();
    const say = (line: string) => connection.write(new TextEncoder().encode(`${line}\r\n`));
    await say("220 hello");
    await connection.read(new Uint8Array(1_000));
    // Each line is in time for a client that waits for silence.
    while (!isOver) {
      await say("250-more");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  const url = `smtp://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
  await using channel = mail({ url, from: "freshet@example.com", to: ["ops@example.com"], timeoutMs: 500 });
  try {
    const error = await assertRejects(() => channel.send([message()], never), Error, "has not taken it within");
    assert(!(error instanceof MessageRefusedError), "it may later");
  } finally {
    isOver = true;
    await talking;
  }
});

Deno.test("Slack gets text and blocks, with its own marks in what comes from records escaped", async () => {
  const bodies: Readonly<Record<string, unknown>>[] = [];
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    bodies.push(await request.json());
    return new Response("ok");
  });
  await using channel = slack({ url: `http://127.0.0.1:${server.addr.port}/services/T0/B0/x`, timeoutMs: 5_000 });
  await channel.send([message({ labels: { ZONE: "<!channel> & co" } })], never);
  assertEquals(bodies, [slackBody(message({ labels: { ZONE: "<!channel> & co" } }))]);
  const text = JSON.stringify(bodies[0]);
  assertStringIncludes(text, "&lt;!channel&gt; &amp; co");
  assert(!text.includes("<!channel>"));
  assertStringIncludes(text, "<https://freshet.example/trains|Open the dashboard>");
});

Deno.test("a mail that clears an alert belongs to the thread of the one that raised it, and a repeat has the same Message-ID", async () => {
  const mails: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onData(stream: AsyncIterable<Uint8Array>, _session: unknown, done: (error?: Error) => void) {
      (async () => {
        let text = "";
        for await (const chunk of stream) text += new TextDecoder().decode(chunk);
        mails.push(text);
        done();
      })();
    },
    onRcptTo({ address }: { address: string }, _session: unknown, done: (error?: Error) => void) {
      done(
        address.startsWith("nobody@") ? Object.assign(new Error("No such person"), { responseCode: 550 }) : undefined,
      );
    },
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `smtp://127.0.0.1:${(server.server.address() as { port: number }).port}`;
  try {
    await using channel = mail({ url, from: "freshet@example.com", to: ["ops@example.com"], timeoutMs: 5_000 });
    const raised = message({ labels: { WAREHOUSE: "Entrepôt Paris" } });
    await channel.send([raised], never);
    await channel.send([raised, { ...raised, id: "alert_2", event: "cleared", clearedAt: raised.at }], never);
    const header = (text: string, name: string) => new RegExp(`^${name}: (.*)$`, "im").exec(text)?.[1]?.trim();
    assertEquals(mails.map((text) => header(text, "Message-ID")), [
      "<alert_1@example.com>",
      "<alert_1@example.com>",
      "<alert_2@example.com>",
    ]);
    const threads = new Set(mails.map((text) => header(text, "References")));
    assertEquals(threads.size, 1);
    assertStringIncludes(mails[2]!, "Cleared");

    await using nobody = mail({ url, from: "freshet@example.com", to: ["nobody@example.com"], timeoutMs: 5_000 });
    await assertRejects(() => nobody.send([raised], never), MessageRefusedError, "No such person");
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
  await using away = mail({ url, from: "freshet@example.com", to: ["ops@example.com"], timeoutMs: 1_000 });
  const error = await assertRejects(() => away.send([message()], never), Error);
  assert(!(error instanceof MessageRefusedError), "a server that is away may come back");
});

Deno.test("the topic of a domain's alerts is made when it is missing, and has a record for each message by its alert's key", async () => {
  const dataDir = await Deno.makeTempDir();
  try {
    await using log = await openEmbeddedLog({ dataDir });
    await using channel = topic(log);
    await channel.send([
      message(),
      message({ id: "alert_2", event: "cleared" }),
      message({ id: "alert_3", domain: "wine" }),
    ], never);
    await channel.send([message({ id: "alert_4" })], never);
    await using subscription = await log.subscribe({ topic: "trains.alerts", group: "g", signal: never });
    const generation = await subscription.nextGeneration();
    await generation.start(new Map([[0, 0]]));
    const { records } = (await generation.next(5_000))!;
    const decode = (bytes: unknown) => new TextDecoder().decode(bytes as Uint8Array);
    assertEquals(records.map(({ headers }) => decode(headers["freshet.alert.event"])), [
      "alert_1",
      "alert_2",
      "alert_4",
    ]);
    assertEquals(decode(records[0]!.key), message().alertId);
    assertEquals(JSON.parse(decode(records[1]!.value)).type, "alert.cleared");
    assertEquals((await log.topics(["wine.alerts"])).length, 1);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("for Alertmanager an alert lasts a little beyond the next reminder, and one that is cleared has ended", () => {
  const at = Date.parse("2026-11-20T06:30:00Z");
  const raised = alertOf(message(), at);
  assertEquals(raised.labels, {
    alertname: "OVERCROWDING",
    severity: "critical",
    domain: "trains",
    train_id: "C106",
    alert_id: message().alertId,
  });
  assertEquals([raised.startsAt, raised.endsAt], ["2026-11-20T06:24:13.750Z", "2026-11-20T06:34:00.000Z"]);
  // A clock that is ahead: Alertmanager takes none that ends before it starts.
  const ahead = alertOf(message({ startedAt: "2026-11-20T06:34:30.000Z" }), at);
  assertEquals([ahead.startsAt, ahead.endsAt], ["2026-11-20T06:34:30.000Z", "2026-11-20T06:34:30.000Z"]);
  const cleared = alertOf(message({ event: "cleared", at: "2026-11-20T06:27:00.000Z" }), at);
  assertEquals([cleared.labels, cleared.endsAt], [raised.labels, "2026-11-20T06:27:00.000Z"]);
});
