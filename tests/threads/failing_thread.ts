// A thread as the program has it, which fails as by a fault of its own as soon as there is a file `fail` in its data folder.

import "../../src/threads/thread.ts";
import type { Order } from "../../src/threads/messages.ts";

addEventListener("message", (event) => {
  const { data } = event as MessageEvent<Order>;
  if (data.kind !== "begin") return;
  const file = `${data.config.dataDir}/fail`;
  setInterval(() => {
    try {
      Deno.removeSync(file);
    } catch {
      return;
    }
    throw new Error("a fault of its own");
  }, 5);
});
