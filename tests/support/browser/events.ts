// What a page is sent by its streams of server-sent events.

import type { Page } from "playwright-core";

export interface SentEvent {
  readonly name: string;
  readonly data: string;
}

/** The events from now on, in the order in which they come. */
export async function eventsOf(page: Page): Promise<readonly SentEvent[]> {
  const events: SentEvent[] = [];
  const session = await page.context().newCDPSession(page);
  session.on("Network.eventSourceMessageReceived", ({ eventName, data }) => events.push({ name: eventName, data }));
  await session.send("Network.enable");
  return events;
}
