// The trains domain as configured by default, and one good event of it.

import type { Domain } from "../../../src/domains/mod.ts";
import { domainOf } from "../domains.ts";

/** The domain with its default settings, or with some. */
export function trainsDomain(settings: Readonly<Record<string, string>> = {}): Domain {
  return domainOf("trains", settings);
}

export const TELEMETRY = {
  timestamp: "2027-01-15T11:59:00",
  train_id: "T1",
  passenger_count: 300,
  total_weight_tons: 220.5,
  power_draw_kw: 800.25,
  speed_kmh: 60,
  latitude: 48.85,
  longitude: 2.35,
  is_overcrowded: false,
  is_high_power_draw: false,
};
