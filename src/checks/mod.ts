// What must hold of a domain's tables: rules of its own, and those that any domain's tables keep.
import type { Domain } from "../domains/domain.ts";
import type { Rules, Settings } from "./rules.ts";

export * from "./general.ts";
export type { Rules, Settings };

/** What a domain's derived tables are, recomputed from its raw table; none for a domain that has no rules. */
export function ownRules(domain: Domain, settings: Settings): Rules {
  return domain.checks?.(settings, domain) ?? {};
}
