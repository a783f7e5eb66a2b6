// One domain simulated faster than real time, from a past morning to the present. Until it gets there its clock is the domain's:
// what comes beside it is dated and judged by that.
import type { Feed } from "../app.ts";
import type { Clock } from "../clock.ts";
import type { Log } from "../log/log.ts";
import type { Simulated } from "./demo.ts";
import { SimulatedTime } from "./simulated_time.ts";
import { intervalOf, type Plan, simulate } from "./simulation.ts";
import { hurriedMorning, hurriedStart } from "./simulation_start.ts";

export interface HurryOptions extends Simulated {
  /** Seconds of event time in a second. */
  readonly speed: number;
  readonly seed: number;
  /** The domains' settings by name. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly clock: Clock;
}

export class HurriedSimulation implements Feed {
  readonly time: SimulatedTime;
  #plan: Plan | undefined;

  constructor(private readonly options: HurryOptions) {
    this.time = new SimulatedTime(options.clock, hurriedMorning);
  }

  get domain(): string {
    return this.options.domain.name;
  }

  async prepare(log: Log): Promise<void> {
    const { domain: { topic }, simulator, speed, seed, settings, clock } = this.options;
    const start = await hurriedStart(log, topic, clock);
    this.#plan = { seed, start, speed, intervalMs: intervalOf(simulator, settings), natural: true, bad: 0 };
    this.time.begin(this.#plan);
  }

  async run(log: Log, signal: AbortSignal): Promise<void> {
    const { domain: { topic }, simulator, settings, clock } = this.options;
    await simulate({
      ...{ simulator, settings, clock, signal, plan: this.#plan! },
      send: (records) => {
        this.time.send(records.at(-1)!.timestamp!);
        return log.produce(topic, records);
      },
      onSent: (_, { timestamp }) => this.time.reach(timestamp),
    });
  }
}
