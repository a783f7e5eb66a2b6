// Alerts as Prometheus's Alertmanager takes them: a real one is sent alerts, and says that they are active and resolved.

import { assertEquals } from "@std/assert";
import { alertmanager } from "../../src/alerts/channels/alertmanager.ts";
import { message } from "../support/alerts/messages.ts";
import { whyWithout } from "../support/programs.ts";

const skip = await whyWithout([["prometheus-alertmanager", "--version"]]);
const never = new AbortController().signal;

interface Shown {
  readonly labels: Readonly<Record<string, string>>;
  readonly endsAt: string;
}

Deno.test({
  name:
    "Alertmanager knows an alert once however often it is told, reminds of nothing that has ended, and takes a login",
  ignore: skip !== undefined,
  async fn() {
    const dir = await Deno.makeTempDir();
    await Deno.writeTextFile(`${dir}/config.yml`, "route: { receiver: none }\nreceivers: [{ name: none }]\n");
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const url = `http://127.0.0.1:${port}`;
    await using _child = alertmanagerProcess(dir, port);
    await ready(url);
    const active = async () => (await (await fetch(`${url}/api/v2/alerts?active=true`)).json()) as readonly Shown[];
    await using channel = alertmanager({ url: `http://me:p%40ss@127.0.0.1:${port}/`, timeoutMs: 5_000, now: Date.now });
    const startedAt = new Date(Date.now() - 60_000).toISOString();
    const raised = message({ startedAt });
    const other = message({ startedAt, id: "alert_9", alertId: "OVERCROWDING/V1", labels: { TRAIN_ID: "V1" } });
    await channel.send([raised, other], never);
    await channel.reminder!.remind([raised, other], never);
    assertEquals((await active()).map(({ labels }) => labels.train_id).toSorted(), ["C106", "V1"]);
    await channel.send([{ ...raised, id: "alert_2", event: "cleared", at: new Date().toISOString() }], never);
    assertEquals((await active()).map(({ labels }) => labels.train_id), ["V1"]);
    // Raised and cleared in one request: it is over.
    await channel.send([other, { ...other, id: "alert_10", event: "cleared", at: new Date().toISOString() }], never);
    assertEquals(await active(), []);
  },
});

function alertmanagerProcess(dir: string, port: number): AsyncDisposable {
  const child = new Deno.Command("prometheus-alertmanager", {
    args: [
      `--config.file=${dir}/config.yml`,
      `--storage.path=${dir}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--cluster.listen-address=",
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
      await Deno.remove(dir, { recursive: true });
    },
  };
}

async function ready(url: string): Promise<void> {
  for (const giveUpAt = Date.now() + 30_000; Date.now() < giveUpAt;) {
    const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("Alertmanager has not come up");
}
