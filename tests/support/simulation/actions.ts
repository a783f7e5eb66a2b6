// The actions domain as configured by default, and one good event of it.

import { z } from "zod";
import { actions } from "../../../src/domains/actions.ts";
import type { Domain } from "../../../src/domains/mod.ts";

/** The domain with its default settings. */
export function actionsDomain(): Domain {
  return actions.define(z.object(actions.settings).parse({}));
}

export const ACTION = {
  user_id: "u1",
  action: "page_view",
  page: "/",
  timestamp: "2027-01-15T11:59:00",
};
