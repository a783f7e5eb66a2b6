// The list of what is shown. A domain is a line here.
import type { DomainPanels } from "./panel.ts";
import { pipeline } from "./pipeline.ts";
import { trains } from "./trains.ts";

export * from "./panel.ts";

/** Every page's questions: of each domain, then of the pipelines themselves. */
export const allPanels: readonly DomainPanels[] = [trains, pipeline];
