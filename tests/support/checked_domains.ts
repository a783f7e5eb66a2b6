// The domains that are run, killed and checked: all that there are. What the traffic of one must be like for all its tables to
// fill is said here, where it differs from the others'.

import { domainModules } from "../../src/domains/mod.ts";
import { checksOf, type Rules } from "./checks.ts";

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
  /** How many records fill all its tables. */
  readonly records: number;
  /** Whether a record must be in the partition of its key for all tables to fill. */
  readonly keyed: boolean;
}

const HOUR_MS = 3_600_000;
const THURSDAY = Date.UTC(2026, 0, 15);

const USUAL = { startMs: THURSDAY + 7 * HOUR_MS, lateByMs: 4 * HOUR_MS, records: 1_500, keyed: false };

const UNUSUAL: Readonly<Record<string, Partial<CheckedDomain>>> = {
  rides: { intervalMs: HOUR_MS / 10, records: 3_000, keyed: true },
  // At night all goes out of one warehouse, so that some products run low.
  wine: { startMs: THURSDAY + 20 * HOUR_MS, intervalMs: 3000, keyed: true },
  actions: { intervalMs: HOUR_MS / 60 },
  // From midnight on, so that some days are whole.
  circadian: { startMs: THURSDAY, lateByMs: 5 * 24 * HOUR_MS },
};

export const checkedDomains: readonly CheckedDomain[] = domainModules.map(({ name }) => (
  { name, rules: checksOf(name), ...USUAL, ...UNUSUAL[name] }
));
