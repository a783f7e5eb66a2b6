// What must hold of a domain's tables: rules for each domain, by its name, and those that any domain's tables keep.
import { actions } from "./actions.ts";
import { circadian, circadianUnjudged } from "./circadian.ts";
import { rides } from "./rides.ts";
import type { Rules, Settings } from "./rules.ts";
import { trains } from "./trains.ts";
import { wine } from "./wine.ts";

export * from "./general.ts";
export type { Rules, Settings };

const RULES: Readonly<Record<string, (settings: Settings) => Rules>> = { trains, rides, wine, actions, circadian };

/** What a domain's derived tables are, recomputed from its raw table; none for a domain that has no rules. */
export function ownRules(domain: string, settings: Settings): Rules {
  return RULES[domain]?.(settings) ?? {};
}

const UNJUDGED: Readonly<Record<string, string>> = { circadian: circadianUnjudged };

/** A query for raw rows that a domain's own rules cannot judge, if there can be any: with such rows they mean nothing. */
export function unjudgedRows(domain: string): string | undefined {
  return UNJUDGED[domain];
}
