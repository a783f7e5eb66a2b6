// What can happen to a broker of a cluster: each fault leaves it as it was.

import type { ClusterNode } from "./cluster.ts";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export const BROKER_FAULTS: Readonly<Record<string, (node: ClusterNode) => Promise<void>>> = {
  async "killed by -9"({ process }) {
    await process.end("SIGKILL");
    await sleep(6_000);
    await process.start();
  },
  async restarted({ process }) {
    await process.end("SIGTERM");
    await process.start();
  },
  async "standing still"({ process }) {
    process.signal("SIGSTOP");
    await sleep(8_000);
    process.signal("SIGCONT");
  },
};
