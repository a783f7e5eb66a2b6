// How the producers of the system before write activities: two names are others, users are numbers, and time is in seconds.

import type { OlderFields } from "../older_form.ts";

/** `zone` is that of users whose records say none. */
export const older = (zone: string): OlderFields => ({
  activity_type: { from: "activity", words: { light_exposure: "light" } },
  user_id: { text: true },
  timestamp: { seconds: true },
  sleep_start: { seconds: true },
  sleep_end: { seconds: true },
  time_zone: { missing: zone },
});
