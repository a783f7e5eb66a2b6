// What a dashboard needs of a log and its pipelines in tests that are about tables alone.

import type { DashboardOptions } from "../../src/http/dashboard/mod.ts";

export const NO_LOG: Pick<DashboardOptions, "topics" | "republish" | "checkpointsOf"> = {
  topics: { topics: () => Promise.resolve([]), async *read() {} },
  checkpointsOf: () => ({ checkpoints: 0, ms: 0, rows: 0 }),
  republish: () => Promise.reject(new Error("This test sends nothing again")),
};
