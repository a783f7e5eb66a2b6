// Rides: people of a city ask for rides, more of them in rush hours and where a crowd leaves.
// A pure function of seed and time: any moment of the same world can be asked for. The city is in rides_city.ts.
import { gaussian, uniform } from "./random.ts";
import { crowdAt, demandAt, GREATEST_CROWD, MEAN_DEMAND, type Zone, ZONES } from "./rides_city.ts";
import type { SimulatedRecord, Simulator } from "./simulator.ts";

/** A ride event as the simulator makes it. */
export interface SimulatedRide {
  /** ISO 8601, UTC. */
  readonly timestamp: string;
  readonly event_type: "ride_requested" | "ride_cancelled";
  readonly ride_id: string;
  readonly user_id: string;
  readonly ride_type: RideType;
  /** Name of the place, which is in the zone. */
  readonly location: string;
  readonly zone: string;
  readonly pickup_latitude: number;
  readonly pickup_longitude: number;
  readonly dropoff_latitude: number;
  readonly dropoff_longitude: number;
  readonly passengers: number;
  /** Pounds. */
  readonly fare_estimate: number;
}

type RideType = "standard" | "shared" | "xl" | "premium";

interface Tariff {
  readonly type: RideType;
  /** Share of the requests. */
  readonly share: number;
  readonly base: number;
  readonly perKm: number;
  readonly fewest: number;
  readonly most: number;
}

const TARIFFS: readonly Tariff[] = [
  { type: "standard", share: 0.62, base: 2.5, perKm: 1.4, fewest: 1, most: 3 },
  { type: "shared", share: 0.18, base: 1.5, perKm: 0.9, fewest: 1, most: 2 },
  { type: "xl", share: 0.12, base: 4, perKm: 2.1, fewest: 3, most: 6 },
  { type: "premium", share: 0.08, base: 6, perKm: 2.8, fewest: 1, most: 3 },
];

const USERS = 8_000;
const CANCELLED_SHARE = 0.05;
const METRES_PER_DEGREE = 111_320;
/** Roads are longer than the crow flies. */
const DETOUR = 1.3;
/** Requests a minute, on average over a week. */
const PER_MINUTE = 60;

/** Simulator of the domain `rides`. Its sources are the requests of a minute. */
export const rides: Simulator = {
  domain: "rides",
  sources: PER_MINUTE,
  intervalMs: 60_000,
  fields: { timestamp: "timestamp", required: "user_id", amount: "passengers" },
  *generate({ seed, start, intervalMs }) {
    // There is an occasion for each of the most requests that there can be, anchored to the epoch; how many are taken
    // follows demand.
    const everyMs = intervalMs * MEAN_DEMAND / (PER_MINUTE * GREATEST_CROWD);
    for (let n = Math.ceil(start / everyMs);; n++) {
      const timestamp = Math.ceil(n * everyMs);
      const zone = pick(ZONES, uniform(seed, n, 0));
      if (uniform(seed, n, 1) * GREATEST_CROWD >= demandIn(zone, seed, timestamp)) continue;
      yield toRecord(ride(zone, timestamp, [seed, n]), timestamp);
    }
  },
  eventAt: rideEvent,
};

/** One ride event at that time, from a zone where there is demand then; another seed, another ride. */
export function rideEvent(seed: number, timestamp: number): SimulatedRide {
  for (let n = 0;; n++) {
    const zone = pick(ZONES, uniform(seed, n, 0));
    if (uniform(seed, n, 1) * GREATEST_CROWD < demandIn(zone, seed, timestamp)) {
      return ride(zone, timestamp, [seed, n]);
    }
  }
}

function toRecord(event: SimulatedRide, timestamp: number): SimulatedRecord {
  return { timestamp, key: event.zone, value: JSON.stringify(event) };
}

/** Demand in a zone against the zone's own in the greatest hour of a usual day. */
function demandIn(zone: Zone, seed: number, timestamp: number): number {
  const crowd = crowdAt(seed, timestamp);
  const crowded = ZONES[crowd.zone] === zone && timestamp >= crowd.start && timestamp < crowd.end;
  return demandAt(timestamp) * (crowded ? crowd.factor : 1);
}

/** The first whose share, added to those before, exceeds `at`. */
function pick<T extends { readonly share: number }>(things: readonly T[], at: number): T {
  let sum = 0;
  return things.find(({ share }) => (sum += share) > at) ?? things.at(-1)!;
}

function ride(zone: Zone, timestamp: number, chance: readonly [seed: number, n: number]): SimulatedRide {
  const random = (what: number) => uniform(...chance, what);
  const near = ({ latitude, longitude }: Zone, what: number) => ({
    latitude: round(latitude + 350 * gaussian(...chance, what) / METRES_PER_DEGREE, 6),
    longitude: round(longitude + 550 * gaussian(...chance, what + 1) / METRES_PER_DEGREE, 6),
  });
  const tariff = pick(TARIFFS, random(2));
  const pickup = near(zone, 3);
  const dropoff = near(pick(ZONES, random(5)), 6);
  return {
    timestamp: new Date(timestamp).toISOString(),
    event_type: random(8) < CANCELLED_SHARE ? "ride_cancelled" : "ride_requested",
    ride_id: `R-${timestamp.toString(36)}-${Math.floor(random(9) * 2 ** 32).toString(36)}`.toUpperCase(),
    // Squared: some ride every day, most now and then.
    user_id: `U${String(Math.floor(random(10) ** 2 * USERS)).padStart(5, "0")}`,
    ride_type: tariff.type,
    location: zone.places[Math.floor(random(11) * zone.places.length)]!,
    zone: zone.name,
    pickup_latitude: pickup.latitude,
    pickup_longitude: pickup.longitude,
    dropoff_latitude: dropoff.latitude,
    dropoff_longitude: dropoff.longitude,
    passengers: tariff.fewest + Math.floor(random(12) * (tariff.most - tariff.fewest + 1)),
    fare_estimate: round(tariff.base + tariff.perKm * roadKm(pickup, dropoff), 2),
  };
}

interface Point {
  readonly latitude: number;
  readonly longitude: number;
}

/** On a plane, which a city is. */
function roadKm(from: Point, to: Point): number {
  const east = (to.longitude - from.longitude) * Math.cos(from.latitude * Math.PI / 180);
  return DETOUR * Math.hypot(to.latitude - from.latitude, east) * METRES_PER_DEGREE / 1000;
}

function round(value: number, digits: number): number {
  const scale = 10 ** digits;
  return Math.round(value * scale) / scale;
}
