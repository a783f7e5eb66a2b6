// How the producers of the system before write their telemetry: the place and the alerts are objects of their own.

import type { OlderFields } from "../older_form.ts";

export const older: OlderFields = {
  latitude: { from: "location.latitude" },
  longitude: { from: "location.longitude" },
  is_overcrowded: { from: "alerts.overcrowding" },
  is_high_power_draw: { from: "alerts.high_power_draw" },
};
