// Actions: visitors of a web shop who look around, and some of them buy. A pure function of seed and time: any moment of
// the same world can be asked for, so a simulation can be taken up again where it stopped.
import { busyAt, MEAN_BUSY } from "./actions_day.ts";
import { hash, uniform } from "./random.ts";
import type { GenerateOptions, Simulator } from "./simulator.ts";

/** An action as it is sent. */
export interface ActionReport {
  readonly user_id: string;
  readonly action: string;
  readonly page: string;
  /** ISO 8601, UTC. */
  readonly timestamp: string;
  readonly session_id: string;
  readonly referrer: string | null;
  readonly device: string;
  readonly duration_ms: number;
}

/** Visitors on the site at a time, in the mean of a week, each doing one thing an interval. */
const VISITORS = 40;
/** Places for as many visitors as come in the busiest hour. */
const PLACES = Math.round(VISITORS / MEAN_BUSY);
const USERS = 2000;
const PRODUCTS = 120;
/** Steps of a place on the site that is taken by one visitor after the other; a turn is cut into two visits. */
const STEPS_A_TURN = 40;
const DEVICES = ["mobile", "mobile", "desktop", "tablet"] as const;
const REFERRERS = [null, null, "https://www.google.com/", "https://news.example/", "newsletter"] as const;

interface Visit {
  /** Numbers that make the visit's noise. */
  readonly id: number;
  readonly step: number;
  readonly steps: number;
}

/** Simulator of the domain `actions`. */
export const actions: Simulator = {
  domain: "actions",
  sources: VISITORS,
  intervalMs: 20_000,
  demoIntervalMs: 40_000,
  fields: { timestamp: "timestamp", required: "user_id", amount: "duration_ms" },
  *generate(options) {
    const { start, intervalMs, natural } = options;
    const places = natural ? PLACES : VISITORS;
    // The visitors take turns within the interval, anchored to the epoch: another start does not move the actions.
    for (let slot = Math.ceil(start * places / intervalMs);; slot++) {
      const place = slot % places;
      // Places change hands one after the other, not all at once.
      const round = Math.floor(slot / places) + (natural ? place : 0);
      if (natural && !isTaken(place, Math.floor(round / STEPS_A_TURN), options)) continue;
      const timestamp = Math.ceil(slot * intervalMs / places);
      const action = actionAt({ place, round, timestamp }, options);
      yield { timestamp, key: action.user_id, value: JSON.stringify(action) };
    }
  },
};

/** Whether anybody has the place for a turn: the busier the hour, the likelier. */
function isTaken(place: number, turn: number, { seed, intervalMs }: GenerateOptions): boolean {
  return uniform(seed, place, turn, 2) < busyAt((turn * STEPS_A_TURN - place) * intervalMs);
}

interface Occasion {
  readonly place: number;
  readonly round: number;
  readonly timestamp: number;
}

function actionAt({ place, round, timestamp }: Occasion, { seed }: GenerateOptions): ActionReport {
  const visit = visitOf(place, round, seed);
  const { id, step } = visit;
  const pick = <T>(choices: readonly T[], of: number): T => choices[hash(id, of) % choices.length]!;
  return {
    user_id: `user_${String(hash(id, 1) % USERS).padStart(4, "0")}`,
    ...doing(visit),
    timestamp: new Date(timestamp).toISOString(),
    session_id: id.toString(16).padStart(8, "0"),
    referrer: step === 0 ? pick(REFERRERS, 2) : null,
    device: pick(DEVICES, 3),
    duration_ms: 50 + Math.floor(uniform(id, step, 4) * 4000),
  };
}

/** The visit that has the place at its `round`th action. */
function visitOf(place: number, round: number, seed: number): Visit {
  const turn = Math.floor(round / STEPS_A_TURN);
  const into = round - turn * STEPS_A_TURN;
  const first = 4 + hash(seed, place, turn) % (STEPS_A_TURN - 8);
  return into < first
    ? { id: hash(seed, place, turn, 0), step: into, steps: first }
    : { id: hash(seed, place, turn, 1), step: into - first, steps: STEPS_A_TURN - first };
}

/** Visits begin on a landing page, go through lists and products, and one in four ends with a purchase. */
function doing({ id, step, steps }: Visit): Pick<ActionReport, "action" | "page"> {
  const product = `/products/${1000 + hash(id, step >> 1, 5) % PRODUCTS}`;
  const buys = uniform(id, 6) < 0.25;
  const left = steps - 1 - step;
  if (step === 0) return { action: "page_view", page: uniform(id, 7) < 0.6 ? "/" : product };
  if (step === 1 && uniform(id, 8) < 0.3) return { action: "login", page: "/login" };
  if (buys && left === 0) return { action: "purchase", page: "/checkout" };
  if (buys && left === 1) return { action: "page_view", page: "/cart" };
  if (buys && left === 2) return { action: "add_to_cart", page: product };
  const roll = uniform(id, step, 9);
  if (roll < 0.12) return { action: "search", page: "/search" };
  if (roll < 0.3) return { action: "click", page: "/products" };
  if (roll < 0.42) return { action: "scroll", page: product };
  if (roll < 0.5) return { action: "add_to_cart", page: product };
  return { action: "page_view", page: product };
}
