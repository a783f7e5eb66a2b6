// What a dashboard shows: the panels of each domain that runs, and those about the pipelines themselves.
import type { Domain } from "../../domains/domain.ts";
import { type DomainPanels, madePanels } from "../../panels/mod.ts";
import { pipelinePanels } from "./pipeline_panels.ts";

/** What a domain shows, or the pipelines themselves under the name `pipeline`. */
export interface ShownPanels extends DomainPanels {
  readonly domain: string;
  /** Whether its panels have a now of their own: that of its newest event. */
  readonly hasEventTime: boolean;
}

export function panelsOf(domains: readonly Domain[]): readonly ShownPanels[] {
  const own = domains.map((domain) => ({
    ...domain.panels ?? madePanels(domain),
    domain: domain.name,
    hasEventTime: true,
  }));
  return [...own, { ...pipelinePanels, domain: "pipeline", hasEventTime: false }];
}
