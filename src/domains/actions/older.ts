// How other producers than Freshet write user actions: numbers for users, and no time where the record has one.

import { type OlderFields, RECORD_TIME } from "../older_form.ts";

export const older: OlderFields = {
  user_id: { text: true },
  action: { from: "event_type" },
  timestamp: { seconds: true, missing: RECORD_TIME },
};
