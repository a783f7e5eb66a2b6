// Trains: a metro of four lines whose trains report every 30 seconds where they are, how full, and what they draw.
// A pure function of seed and time: any moment of the same world can be asked for, so a simulation can be taken up again
// where it stopped. Physics in trains_physics.ts, the map in trains_network.ts.
import { gaussian, uniform } from "./random.ts";
import type { GenerateOptions, SimulatedRecord, Simulator } from "./simulator.ts";
import { type Line, LINES, type Stage, stageAt } from "./trains_network.ts";
import { powerDrawKw, totalWeightTons, TRAIN } from "./trains_physics.ts";

/** A report of a train. */
export interface TrainReport {
  /** ISO 8601, UTC. */
  readonly timestamp: string;
  readonly train_id: string;
  readonly line: string;
  readonly passenger_count: number;
  readonly capacity: number;
  readonly total_weight_tons: number;
  /** Negative while the brakes feed power back. */
  readonly power_draw_kw: number;
  readonly speed_kmh: number;
  readonly latitude: number;
  readonly longitude: number;
  readonly is_overcrowded: boolean;
  readonly is_high_power_draw: boolean;
  readonly next_stop: string;
}

interface Train {
  readonly id: string;
  readonly number: number;
  readonly line: Line;
  /** Seconds by which it is ahead of the line's first train. */
  readonly ahead: number;
}

const TRAINS_PER_LINE = 6;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const FLEET: readonly Train[] = LINES.flatMap((line, lineIndex) =>
  Array.from({ length: TRAINS_PER_LINE }, (_, index) => ({
    id: `${line.code}${101 + index}`,
    number: lineIndex * TRAINS_PER_LINE + index,
    line,
    ahead: line.roundTripSeconds * index / TRAINS_PER_LINE,
  }))
);

/** Simulator of the domain `trains`. */
export const trains: Simulator = {
  domain: "trains",
  sources: FLEET.length,
  intervalMs: 30_000,
  liveIntervalMs: 2_000,
  fields: { timestamp: "timestamp", required: "train_id", amount: "passenger_count" },
  intervalFrom: ({ ATS_INTERVAL_SECONDS: seconds }) => typeof seconds === "number" ? seconds * 1000 : undefined,
  *generate(options) {
    // The trains take turns within the interval, anchored to the epoch: another start does not move the reports.
    for (let slot = Math.ceil(options.start * FLEET.length / options.intervalMs);; slot++) {
      const timestamp = Math.ceil(slot * options.intervalMs / FLEET.length);
      yield toRecord(report(FLEET[slot % FLEET.length]!, timestamp, options), timestamp);
    }
  },
};

function toRecord(event: TrainReport, timestamp: number): SimulatedRecord {
  return { timestamp, key: event.train_id, value: JSON.stringify(event) };
}

function report(train: Train, timestamp: number, { seed, settings = {} }: GenerateOptions): TrainReport {
  const seconds = timestamp / 1000 + train.ahead;
  const trip = Math.floor(seconds / train.line.roundTripSeconds);
  const intoTrip = seconds - trip * train.line.roundTripSeconds;
  const stage = stageAt(train.line, intoTrip);
  const motion = stage.leg?.at(intoTrip - stage.begin) ?? { distance: 0, speed: 0, acceleration: 0 };
  const share = stage.leg ? motion.distance / stage.leg.length : 0;
  const departedAt = timestamp - (intoTrip - stage.begin) * 1000;
  const passengers = passengersOn(train, stage, { seed, trip, departedAt });
  const power = powerDrawKw(passengers, motion.speed, motion.acceleration);
  return {
    timestamp: new Date(timestamp).toISOString(),
    train_id: train.id,
    line: train.line.name,
    passenger_count: passengers,
    capacity: TRAIN.capacity,
    total_weight_tons: round(totalWeightTons(passengers), 2),
    power_draw_kw: round(power, 1),
    speed_kmh: round(motion.speed * 3.6, 1),
    latitude: round(stage.from.latitude + share * (stage.to.latitude - stage.from.latitude), 6),
    longitude: round(stage.from.longitude + share * (stage.to.longitude - stage.from.longitude), 6),
    is_overcrowded: passengers >= threshold(settings.ATS_OVERCROWDING_PASSENGERS, 1100),
    is_high_power_draw: power >= threshold(settings.ATS_HIGH_POWER_KW, 2600),
    next_stop: stage.to.name,
  };
}

/** Passengers on board, the same from one departure to the next. */
function passengersOn(
  train: Train,
  stage: Stage,
  { seed, trip, departedAt }: { readonly seed: number; readonly trip: number; readonly departedAt: number },
): number {
  const demand = Math.max(demandAt(departedAt, stage.direction), eventDemand(train, departedAt));
  // Trains fill towards the centre and empty again: half full at the ends of the line.
  const fill = 0.5 + 0.62 * Math.sin(Math.PI * (stage.progress + 0.04));
  const ofTrip = 1 + 0.2 * gaussian(seed, train.number, trip);
  const ofStop = 1 + 0.05 * gaussian(seed, train.number, trip, stage.departure);
  return Math.max(0, Math.min(TRAIN.crushLoad, Math.round(TRAIN.capacity * demand * fill * ofTrip * ofStop)));
}

/**
 * Demand by hour and weekday as a share of the places, before noise. Weekdays peak about 08:00 into town and 17:30 out of
 * it; weekends have one flat hump in the afternoon; nights are nearly empty. Times are UTC.
 */
export function demandAt(timestamp: number, direction: "inbound" | "outbound"): number {
  const hour = (timestamp % DAY_MS) / HOUR_MS;
  const bump = (centre: number, width: number) => {
    const distance = Math.min(Math.abs(hour - centre), 24 - Math.abs(hour - centre));
    return Math.exp(-((distance / width) ** 2) / 2);
  };
  const awake = 1 / (1 + Math.exp(-(hour - 5.4) * 3)) / (1 + Math.exp((hour - 22.6) * 2));
  if (isWeekend(timestamp)) return 0.015 + awake * (0.1 + 0.24 * bump(15, 3.2));
  const morning = bump(7.9, 0.95) * (direction === "inbound" ? 0.66 : 0.46);
  const evening = bump(17.4, 1.15) * (direction === "outbound" ? 0.64 : 0.47);
  return 0.015 + awake * (0.24 + morning + evening);
}

/** At weekends one line a day serves a fair or a match, with crowds as in a rush hour; the others stay thin. */
function eventDemand(train: Train, timestamp: number): number {
  if (!isWeekend(timestamp)) return 0;
  const day = Math.floor(timestamp / DAY_MS);
  const line = lineWithEvent(day);
  if (LINES[line] !== train.line) return 0;
  const hour = (timestamp % DAY_MS) / HOUR_MS;
  const near = (centre: number) => Math.exp(-(((hour - centre) / 0.8) ** 2) / 2);
  return 0.9 * Math.max(near(9), near(18));
}

function lineWithEvent(day: number): number {
  return Math.floor(uniform(day) * LINES.length);
}

function isWeekend(timestamp: number): boolean {
  const weekday = new Date(timestamp).getUTCDay();
  return weekday === 0 || weekday === 6;
}

function threshold(setting: unknown, preset: number): number {
  return typeof setting === "number" ? setting : preset;
}

function round(value: number, digits: number): number {
  const scale = 10 ** digits;
  return Math.round(value * scale) / scale + 0;
}
