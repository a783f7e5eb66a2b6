// The lines of the simulated metro: stations with names and coordinates, and the timetable of a round trip.
// The network is the same whatever the seed; knows nothing of passengers.
import { faker } from "@faker-js/faker/locale/en_GB";
import { gaussian, uniform } from "./random.ts";
import { type Leg, planLeg } from "./trains_physics.ts";

export interface Station {
  readonly name: string;
  readonly latitude: number;
  readonly longitude: number;
}

/** A part of the round trip: standing at a station, or under way to the next. Seconds from the trip's beginning. */
export interface Stage {
  readonly begin: number;
  readonly end: number;
  readonly from: Station;
  readonly to: Station;
  /** Index of the stage among those with the same passengers on board: one for each departure. */
  readonly departure: number;
  /** How far along the line the departure is, from 0 to 1, in the direction of travel. */
  readonly progress: number;
  readonly direction: "outbound" | "inbound";
  /** `undefined` while standing. */
  readonly leg: Leg | undefined;
}

export interface Line {
  readonly name: string;
  /** Prefix of its trains' ids. */
  readonly code: string;
  readonly stations: readonly Station[];
  readonly stages: readonly Stage[];
  readonly roundTripSeconds: number;
}

const NETWORK_SEED = 1863; // the year the first underground railway opened
const CENTRE = { name: "Market Square", latitude: 51.4545, longitude: -2.5879 };
const METRES_PER_DEGREE = 111_320;
const TURNAROUND_SECONDS = 210;

const PLANS = [
  { name: "Harbour Line", code: "H", stations: 11, heading: 20 },
  { name: "Central Line", code: "C", stations: 13, heading: 75 },
  { name: "Airport Line", code: "A", stations: 10, heading: 125 },
  { name: "Valley Line", code: "V", stations: 12, heading: 165 },
] as const;

/** The four lines; all of them meet in the centre. */
export const LINES: readonly Line[] = buildLines();

/** Where on the round trip a train is `seconds` after its beginning. */
export function stageAt(line: Line, seconds: number): Stage {
  let low = 0;
  let high = line.stages.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (line.stages[middle]!.end > seconds) high = middle;
    else low = middle + 1;
  }
  return line.stages[low]!;
}

function buildLines(): Line[] {
  faker.seed(NETWORK_SEED);
  const names = new Set<string>([CENTRE.name]);
  const newName = () => {
    for (;;) {
      const name = faker.location.street();
      if (names.has(name)) continue;
      names.add(name);
      return name;
    }
  };
  return PLANS.map((plan, index) => {
    const stations = placeStations(plan, index, newName);
    const stages = timetable(stations);
    return { name: plan.name, code: plan.code, stations, stages, roundTripSeconds: stages.at(-1)!.end };
  });
}

/** Stations every 0.9 to 1.9 km on a gently bending line through the centre. */
function placeStations(plan: (typeof PLANS)[number], lineIndex: number, newName: () => string): Station[] {
  const middle = Math.floor(plan.stations / 2);
  const walk = (steps: number, heading: number, side: number) => {
    const stations: Station[] = [];
    let { latitude, longitude } = CENTRE;
    let bearing = heading;
    for (let step = 0; step < steps; step++) {
      bearing += 9 * gaussian(NETWORK_SEED, lineIndex, side, step);
      const metres = 900 + 1000 * uniform(NETWORK_SEED, lineIndex, side, step, 1);
      const radians = bearing * Math.PI / 180;
      latitude += metres * Math.cos(radians) / METRES_PER_DEGREE;
      longitude += metres * Math.sin(radians) / (METRES_PER_DEGREE * Math.cos(latitude * Math.PI / 180));
      stations.push({ name: newName(), latitude, longitude });
    }
    return stations;
  };
  const before = walk(middle, plan.heading + 180, 0).reverse();
  return [...before, CENTRE, ...walk(plan.stations - middle - 1, plan.heading, 1)];
}

/** Out and back again, with dwell at every station and a turnaround at both ends. */
function timetable(stations: readonly Station[]): Stage[] {
  const route = [...stations, ...stations.slice(0, -1).reverse()];
  const legs = route.length - 1;
  const stages: Stage[] = [];
  let clock = 0;
  const add = (seconds: number, stage: Omit<Stage, "begin" | "end">) => {
    stages.push({ begin: clock, end: clock + seconds, ...stage });
    clock += seconds;
  };
  for (let index = 0; index < legs; index++) {
    const from = route[index]!;
    const to = route[index + 1]!;
    const outbound = index < stations.length - 1;
    const progress = (index % (stations.length - 1)) / (stations.length - 1);
    const common = { from, to, departure: index, progress, direction: outbound ? "outbound" : "inbound" } as const;
    const isEnd = index === 0 || index === stations.length - 1;
    const dwell = isEnd ? TURNAROUND_SECONDS : from === CENTRE ? 45 : 28;
    // Those who get off are still on board in the first half of the stop.
    const before = stages.at(-1);
    if (before && !isEnd) {
      add(dwell / 2, { ...before, from, to, leg: undefined });
      add(dwell / 2, { ...common, leg: undefined });
    } else add(dwell, { ...common, leg: undefined });
    const leg = planLeg(metresBetween(from, to));
    add(leg.duration, { ...common, leg });
  }
  return stages;
}

function metresBetween(a: Station, b: Station): number {
  const north = (b.latitude - a.latitude) * METRES_PER_DEGREE;
  const east = (b.longitude - a.longitude) * METRES_PER_DEGREE * Math.cos((a.latitude + b.latitude) * Math.PI / 360);
  return Math.hypot(north, east);
}
