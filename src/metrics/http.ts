// Requests by route: counted thousands of times a second, so each costs two additions; labels are made when somebody asks.
import type { Registry } from "prom-client";
import { registerSamples } from "./weighted.ts";

/** Seconds, upper bounds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const REQUESTS = {
  name: "freshet_http_requests_total",
  help: "Requests to the API, by route; those to no route are none",
};
const DURATION = { name: "freshet_http_request_duration_seconds", help: "From a request's headers to its answer" };

interface RouteTally {
  /** By method and status, with a blank between them. */
  readonly answers: Map<string, number>;
  readonly buckets: number[];
  seconds: number;
}

/** Counts and durations of requests. */
export class RequestTally {
  readonly #routes = new Map<string, RouteTally>();

  constructor(registry: Registry) {
    registerSamples(registry, REQUESTS, "counter", () => this.#counts());
    registerSamples(registry, DURATION, "histogram", () => this.#durations());
  }

  /** A request was answered. `route` is one of few. */
  observe(route: string, method: string, status: number, seconds: number): void {
    let tally = this.#routes.get(route);
    if (!tally) {
      tally = { answers: new Map(), buckets: new Array(BUCKETS.length + 1).fill(0), seconds: 0 };
      this.#routes.set(route, tally);
    }
    const answer = `${method} ${status}`;
    tally.answers.set(answer, (tally.answers.get(answer) ?? 0) + 1);
    let bucket = 0;
    while (bucket < BUCKETS.length && seconds > BUCKETS[bucket]!) bucket++;
    tally.buckets[bucket]!++;
    tally.seconds += seconds;
  }

  #counts() {
    return [...this.#routes].flatMap(([route, { answers }]) =>
      [...answers].map(([answer, value]) => {
        const [method = "", status = ""] = answer.split(" ");
        return { metricName: REQUESTS.name, labels: { route, method, status }, value };
      })
    );
  }

  #durations() {
    return [...this.#routes].flatMap(([route, { buckets, seconds }]) => {
      let below = 0;
      const samples = [...BUCKETS, "+Inf"].map((le, i) => {
        below += buckets[i]!;
        return { metricName: `${DURATION.name}_bucket`, labels: { route, le }, value: below };
      });
      return [
        ...samples,
        { metricName: `${DURATION.name}_sum`, labels: { route }, value: seconds },
        { metricName: `${DURATION.name}_count`, labels: { route }, value: below },
      ];
    });
  }
}
