// What a dashboard needs of a log in tests that do not look into topics.

import type { DashboardOptions } from "../../src/http/dashboard/mod.ts";

export const NO_TOPICS: Pick<DashboardOptions, "topics" | "republish"> = {
  topics: { topics: () => Promise.resolve([]), async *read() {} },
  republish: () => Promise.reject(new Error("This test sends nothing again")),
};
