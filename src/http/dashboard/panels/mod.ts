// The list of what is shown. A domain is a line here.
import { actions } from "./actions.ts";
import { circadian } from "./circadian.ts";
import type { DomainPanels } from "./panel.ts";
import { pipeline } from "./pipeline.ts";
import { rides } from "./rides.ts";
import { trains } from "./trains.ts";
import { wine } from "./wine.ts";

export * from "./panel.ts";

/** Every page's questions: of each domain, then of the pipelines themselves. */
export const allPanels: readonly DomainPanels[] = [trains, rides, wine, actions, circadian, pipeline];
