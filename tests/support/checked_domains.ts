// The domains that are run, killed and checked: a domain joins by a line here and a file `<domain>_checks.ts`.

import { actionsChecks } from "./actions_checks.ts";
import type { Rules } from "./checks.ts";
import { ridesChecks } from "./rides_checks.ts";
import { circadianChecks } from "./circadian_checks.ts";
import { trainsChecks } from "./trains_checks.ts";
import { wineChecks } from "./wine_checks.ts";

export interface CheckedDomain {
  readonly name: string;
  /** What must hold of its tables, recomputed from the raw rows. */
  readonly rules: Rules;
  /** Event time at which its simulated traffic begins, epoch milliseconds: a time of day when all its tables fill. */
  readonly startMs: number;
  /** How far back the latest records are dated, milliseconds; beyond the allowed lateness, so that some are too late. */
  readonly lateByMs: number;
  /** Of its simulator, where another than its own is needed for some hours to pass. */
  readonly intervalMs?: number;
}

const HOUR_MS = 3_600_000;
const THURSDAY = Date.UTC(2026, 0, 15);

export const checkedDomains: readonly CheckedDomain[] = [
  { name: "trains", rules: trainsChecks, startMs: THURSDAY + 7 * HOUR_MS, lateByMs: 4 * HOUR_MS },
  {
    name: "rides",
    rules: ridesChecks,
    startMs: THURSDAY + 7 * HOUR_MS,
    lateByMs: 4 * HOUR_MS,
    intervalMs: HOUR_MS / 10,
  },
  // From midnight on, so that some days are whole.
  { name: "circadian", rules: circadianChecks, startMs: THURSDAY, lateByMs: 5 * 24 * HOUR_MS },
  {
    name: "actions",
    rules: actionsChecks,
    startMs: THURSDAY + 7 * HOUR_MS,
    lateByMs: 4 * HOUR_MS,
    intervalMs: HOUR_MS / 60,
  },
  // At night all goes out of one warehouse, so that some products run low.
  { name: "wine", rules: wineChecks, startMs: THURSDAY + 20 * HOUR_MS, lateByMs: 4 * HOUR_MS, intervalMs: 3000 },
];
