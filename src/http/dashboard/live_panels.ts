// Panels that browsers follow by the stream: each is looked at every so many seconds, by the same ticks for all, so that what
// many ask for is asked once. Must not know streams, nor what the panels are about.
import type { Clock } from "../../clock.ts";
import { PanelPage, type PanelPageOptions } from "./panel_page.ts";
import type { LivePanel } from "./protocol.ts";

export interface LivePanelsOptions extends PanelPageOptions {
  readonly clock: Pick<Clock, "monotonic">;
  /** Changes when all is to be looked at anew at once. */
  readonly edition: () => number;
  readonly publish: (topic: string, data: LivePanel, essence: unknown) => void;
}

/** The topic of a panel, `domain/panel?parameters`, that is looked at every so many seconds. */
export function panelTopic(ask: string, everyS: number): string {
  return `${everyS} ${ask}`;
}

export class LivePanels {
  readonly #options: LivePanelsOptions;
  /** When each topic was looked at the last time, by the monotonic clock. */
  readonly #lookedAt = new Map<string, number>();
  /** Those that are being looked at. */
  readonly #looking = new Map<string, AbortController>();
  #edition = 0;

  constructor(options: LivePanelsOptions) {
    this.#options = options;
  }

  /** Looks at those of the topics whose time has come, and gives up what nobody follows any more. */
  tick(topics: ReadonlySet<string>): void {
    const { clock, edition } = this.#options;
    for (const topic of new Set([...this.#lookedAt.keys(), ...this.#looking.keys()])) {
      if (topics.has(topic)) continue;
      this.#lookedAt.delete(topic);
      this.#looking.get(topic)?.abort();
      this.#looking.delete(topic);
    }
    if (edition() !== this.#edition) this.#lookedAt.clear();
    this.#edition = edition();
    const now = clock.monotonic();
    // A question that takes longer than the time between two ticks is not asked twice.
    const due = [...topics].filter((topic) => !this.#looking.has(topic) && this.#isDue(topic, now));
    if (due.length === 0) return;
    // Together, so that all are about one moment.
    const page = new PanelPage(this.#options);
    for (const topic of due) void this.#look(topic, page);
  }

  #isDue(topic: string, now: number): boolean {
    const everyMs = 1000 * Number(/^(\d+) /.exec(topic)?.[1] ?? NaN);
    const last = this.#lookedAt.get(topic);
    // What is no panel's topic is never due.
    return everyMs > 0 && (last === undefined || Math.floor(now / everyMs) > Math.floor(last / everyMs));
  }

  async #look(topic: string, page: PanelPage): Promise<void> {
    const abandon = new AbortController();
    this.#lookedAt.set(topic, this.#options.clock.monotonic());
    this.#looking.set(topic, abandon);
    const panel = await page.answerTo(topic.slice(topic.indexOf(" ") + 1), abandon.signal);
    if (abandon.signal.aborted) return;
    this.#looking.delete(topic);
    this.#options.publish(topic, panel, "answer" in panel ? panel.answer.data : panel);
  }
}
