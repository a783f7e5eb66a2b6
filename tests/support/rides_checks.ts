// What must hold of the rides tables, with the default settings.
import { checksOf, type Rules } from "./checks.ts";

/** Rules by name. */
export const ridesChecks: Rules = checksOf("rides");
