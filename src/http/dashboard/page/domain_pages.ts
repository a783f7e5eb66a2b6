// The domains that have a page of their own. Written by build/page.ts of the list of domains: do not edit.
import { page as trains } from "../../../domains/trains/page/mod.tsx";
import { page as rides } from "../../../domains/rides/page/mod.tsx";
import { page as wine } from "../../../domains/wine/page/mod.tsx";
import { page as actions } from "../../../domains/actions/page/mod.tsx";
import { page as circadian } from "../../../domains/circadian/page/mod.tsx";
import type { DomainPage } from "./mod.ts";

/** By the domain's name. */
export const domainPages: ReadonlyMap<string, DomainPage> = new Map([
  ["trains", trains],
  ["rides", rides],
  ["wine", wine],
  ["actions", actions],
  ["circadian", circadian],
]);
