// What must hold of the circadian tables, with the default settings.
import { checksOf, type Rules } from "./checks.ts";

/** Rules by name. */
export const circadianChecks: Rules = checksOf("circadian");
