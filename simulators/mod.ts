// The simulators, one for each domain. A new domain adds one line here.
import { actions } from "./actions.ts";
import { circadian } from "./circadian.ts";
import type { Simulator } from "./simulator.ts";
import { rides } from "./rides.ts";
import { trains } from "./trains.ts";
import { wine } from "./wine.ts";

export * from "./pacer.ts";
export * from "./simulator.ts";
export * from "./spoil.ts";

/** All simulators. */
export const simulators: readonly Simulator[] = [
  trains,
  rides,
  wine,
  actions,
  circadian,
];
