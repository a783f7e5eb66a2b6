// Writes messages to the topic <domain>.alerts of the log: a record each, by the key of its alert, so that what is said of one
// alert keeps its order.
import type { Log, NewRecord } from "../../log/log.ts";
import type { AlertMessage, Channel } from "../channel.ts";
import { jsonOf } from "../message.ts";

/** The header that holds the idempotency key. */
const ID_HEADER = "freshet.alert.event";
const AT_ONCE = 500;

/** What the topic of a domain's alerts is called. */
const alertTopic = (domain: string): string => `${domain}.alerts`;

export function topic(log: Pick<Log, "topics" | "createTopics" | "produce">): Channel {
  const known = new Set<string>();
  const provide = async (name: string) => {
    if (known.has(name)) return;
    if ((await log.topics([name])).length === 0) await log.createTopics([{ topic: name, partitions: 1 }]);
    known.add(name);
  };
  const write = async (name: string, messages: readonly AlertMessage[]) => {
    await provide(name);
    try {
      await log.produce(name, messages.map(recordOf));
    } catch (error) {
      // Somebody may have taken it away.
      known.delete(name);
      throw error;
    }
  };
  return {
    name: "topic",
    description: "topics of alerts",
    atOnce: AT_ONCE,
    async send(messages: readonly AlertMessage[]) {
      for (const [domain, ofDomain] of Map.groupBy(messages, (message) => message.domain)) {
        await write(alertTopic(domain), ofDomain);
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}

function recordOf(message: AlertMessage): NewRecord {
  return { key: message.alertId, value: jsonOf(message), headers: { [ID_HEADER]: message.id } };
}
