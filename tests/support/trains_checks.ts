// What must hold of the trains tables, with the default settings.
import { checksOf, type Rules } from "./checks.ts";

/** Rules by name. */
export const trainsChecks: Rules = checksOf("trains");
