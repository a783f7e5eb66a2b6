// What must hold of the wine tables, with the default settings.
import { checksOf, type Rules } from "./checks.ts";

/** Rules by name. */
export const wineChecks: Rules = checksOf("wine");
