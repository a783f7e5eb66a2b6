// The city of the simulated rides: its zones, how many want to ride from where and when, and its crowds.
// The map is the same whatever the seed; knows nothing of single rides.
import { faker } from "@faker-js/faker/locale/en_GB";
import { uniform } from "./random.ts";
import { inWeek } from "./week.ts";

export interface Zone {
  readonly name: string;
  /** Centre. */
  readonly latitude: number;
  readonly longitude: number;
  /** Share of the city's requests, before the hour of day; the shares add up to 1. */
  readonly share: number;
  readonly places: readonly string[];
}

const HOUR_MS = 3_600_000;
const MAP_SEED = 1373; // the year the city became a county of its own
const PLACES_PER_ZONE = 8;

const PLAN: readonly (readonly [name: string, latitude: number, longitude: number, weight: number])[] = [
  ["Harbourside", 51.4491, -2.6013, 13],
  ["Cabot Circus", 51.4584, -2.5852, 12],
  ["Temple Meads", 51.4491, -2.5813, 14],
  ["Clifton", 51.4558, -2.6198, 10],
  ["Stokes Croft", 51.4638, -2.5899, 9],
  ["Redland", 51.4687, -2.6030, 7],
  ["Southville", 51.4413, -2.5986, 7],
  ["Bedminster", 51.4384, -2.5904, 7],
  ["Easton", 51.4653, -2.5624, 6],
  ["Ashton Gate", 51.4400, -2.6203, 5],
  ["Filton", 51.5051, -2.5752, 5],
  ["Airport", 51.3827, -2.7191, 5],
];

/** The zones. */
export const ZONES: readonly Zone[] = buildZones();

function buildZones(): Zone[] {
  const total = PLAN.reduce((sum, [, , , weight]) => sum + weight, 0);
  faker.seed(MAP_SEED);
  const zones = PLAN.map(([name, latitude, longitude, weight]) => ({
    name,
    latitude,
    longitude,
    share: weight / total,
    places: Array.from({ length: PLACES_PER_ZONE }, () => faker.location.street()),
  }));
  faker.seed();
  return zones;
}

/**
 * Demand on the hours of a day against the greatest of a usual day, UTC. It climbs slowly enough that the way into a rush
 * hour is no surge: less than twice what it was an hour before.
 */
const WEEKDAY = [
  ...[0.30, 0.24, 0.19, 0.17, 0.19, 0.28, 0.45, 0.72, 0.95, 0.78, 0.62, 0.60],
  ...[0.64, 0.66, 0.63, 0.68, 0.80, 0.97, 1.00, 0.90, 0.75, 0.63, 0.52, 0.42],
];
const WEEKEND = [
  ...[0.52, 0.50, 0.44, 0.33, 0.24, 0.18, 0.18, 0.22, 0.30, 0.40, 0.50, 0.58],
  ...[0.64, 0.66, 0.66, 0.68, 0.72, 0.78, 0.84, 0.88, 0.90, 0.92, 0.88, 0.72],
];
const WEEK = { weekday: WEEKDAY, weekend: WEEKEND };

/** Demand of the whole city by hour and weekday, from 0 to 1, between the hours in a straight line. Times are UTC. */
export function demandAt(timestamp: number): number {
  return inWeek(WEEK, timestamp);
}

/** A crowd that wants to leave a zone: a match, a concert, a train that does not run. */
export interface Crowd {
  readonly zone: number;
  /** Epoch milliseconds. */
  readonly start: number;
  readonly end: number;
  /** How many times as many requests as usual. */
  readonly factor: number;
}

/** One zone has a crowd in each stretch of this length. */
const CROWD_EVERY_MS = 3 * HOUR_MS;
/** The greatest factor of a crowd. */
export const GREATEST_CROWD = 6;

/** The crowd of the stretch of time that `timestamp` is in. */
export function crowdAt(seed: number, timestamp: number): Crowd {
  const stretch = Math.floor(timestamp / CROWD_EVERY_MS);
  const chance = (what: number) => uniform(seed, stretch, what);
  const start = stretch * CROWD_EVERY_MS + chance(0) * 1.5 * HOUR_MS;
  return {
    zone: Math.floor(chance(1) * ZONES.length),
    start,
    end: start + (0.5 + 0.75 * chance(2)) * HOUR_MS,
    factor: 4 + (GREATEST_CROWD - 4) * chance(3),
  };
}

/** Each zone's share of the time has a crowd of about five times the usual for 52 of 180 minutes. */
const CROWD_GROWTH = 1 + 4 * (52.5 / 180) / ZONES.length;

/** Mean of demand over a week, crowds counted in. */
export const MEAN_DEMAND = CROWD_GROWTH * (5 * mean(WEEKDAY) + 2 * mean(WEEKEND)) / 7;

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
