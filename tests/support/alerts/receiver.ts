// A receiver of webhooks that checks every signature by the library of the Standard Webhooks, and that fails, hangs, cuts and
// goes away when it is told. What it has answered well is received.

import { Webhook } from "standardwebhooks";

export const SECRET = `whsec_${new TextEncoder().encode("a key of the tests, 24 b").toBase64()}`;

export interface Received {
  /** The idempotency key. */
  readonly id: string;
  readonly event: "raised" | "cleared";
  readonly alertId: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** `refuses`: with an answer that says never. `forgets`: it takes the message, and says nothing. */
export type Mood = "well" | "fails" | "hangs" | "refuses" | "forgets";

export class Receiver implements AsyncDisposable {
  mood: Mood = "well";
  /** In order, repeats too. */
  readonly received: Received[] = [];
  /** Requests in all. */
  asked = 0;
  /** What was wrong with a request. */
  readonly faults: string[] = [];
  #server: Deno.HttpServer | undefined;
  #port = 0;
  readonly #hanging = new Set<() => void>();

  constructor() {
    this.start();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/alerts?key=of-the-receiver`;
  }

  /** Listens, where it did before. */
  start(): void {
    const options = { hostname: "127.0.0.1", port: this.#port, onListen: () => {} };
    this.#server = Deno.serve(options, (request) => this.#answer(request));
    this.#port = (this.#server.addr as Deno.NetAddr).port;
  }

  /** Goes away: nobody listens there. */
  async stop(): Promise<void> {
    for (const release of this.#hanging) release();
    await this.#server?.shutdown();
    this.#server = undefined;
  }

  /** Messages without repeats. */
  get distinct(): readonly Received[] {
    return [...new Map(this.received.map((one) => [one.id, one])).values()];
  }

  /** Resolves when so many messages have come, repeats aside. */
  async untilTold(messages: number): Promise<void> {
    for (const giveUpAt = Date.now() + 120_000; this.distinct.length < messages;) {
      if (Date.now() > giveUpAt) throw new Error(`${this.distinct.length} of ${messages} messages have come`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async #answer(request: Request): Promise<Response> {
    this.asked++;
    const body = await request.text();
    switch (this.mood) {
      case "fails":
        return new Response("not today", { status: 503 });
      case "refuses":
        return new Response("no such hook", { status: 404 });
      case "hangs":
        await new Promise<void>((resolve) => {
          this.#hanging.add(resolve);
          request.signal.addEventListener("abort", () => resolve());
        });
        return new Response("late", { status: 500 });
      default:
        this.#take(request, body);
        return this.mood === "forgets" ? new Response("lost", { status: 500 }) : new Response(null, { status: 204 });
    }
  }

  #take(request: Request, body: string): void {
    const id = request.headers.get("webhook-id") ?? "";
    try {
      new Webhook(SECRET).verify(body, Object.fromEntries(request.headers));
      const { type, data } = JSON.parse(body);
      const event = type === "alert.raised" ? "raised" : "cleared";
      if (data.id !== id) this.faults.push(`${id} is of ${data.id}`);
      this.received.push({ id, event, alertId: data.alert_id, data });
    } catch (error) {
      this.faults.push(`${id}: ${(error as Error).message}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
