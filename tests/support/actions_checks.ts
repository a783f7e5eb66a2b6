// What must hold of the actions tables, with the default settings.
import { checksOf, type Rules } from "./checks.ts";

/** Rules by name. */
export const actionsChecks: Rules = checksOf("actions");
