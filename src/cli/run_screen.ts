// What a person sees of a run on a terminal: one table that is drawn again in place, a domain a row, with a bar above it while the
// time up to the present is loaded. Reads statuses, knows nothing of how they come about.
import type { Clock } from "../clock.ts";
import { type DomainStatus, totalLag } from "../engine/status.ts";
import { lowestWatermark, toldRate } from "../progress_report.ts";
import type { Made } from "./demo.ts";
import { ageText, barText, timeOfDay } from "./human.ts";
import { countOf, textTable } from "./rows.ts";

/** Rates are of the last so many milliseconds. */
const RATE_MS = 5_000;
/** Fewer characters than that have no room for whole addresses. */
const WIDE = 110;

export interface RunScreenOptions {
  readonly clock: Clock;
  /** Address of the dashboard, and that of a domain's page on it. */
  readonly dashboard: string;
  /** What is to be loaded first. */
  readonly made?: () => Made;
  readonly colors: boolean;
}

/** Records of a domain at a moment of the monotonic clock. */
interface Mark {
  readonly at: number;
  readonly records: number;
}

export class RunScreen {
  readonly #marks = new Map<string, Mark[]>();
  #isLoaded = false;

  constructor(private readonly options: RunScreenOptions) {}

  /** The lines for a terminal of so many characters. */
  lines(statuses: readonly DomainStatus[], width: number): readonly string[] {
    const table = textTable(
      ["DOMAIN", "STATE", "RATE", "LAG", "WATERMARK", width < WIDE ? "DEAD" : "DEAD LETTERS", "CHECKPOINT", "PAGE"],
      statuses.map((status) => this.#row(status, width)),
      { right: [false, false, true, true, true, true, true, false], width: width - 1 },
    ).trimEnd().split("\n");
    const [head, rule, ...rows] = table;
    const style = (code: number, text: string) => this.options.colors ? `\x1b[${code}m${text}\x1b[0m` : text;
    return [
      ...this.#loading(statuses, width),
      "",
      style(1, head!),
      style(2, rule!),
      ...rows.map((row, i) => isInTrouble(statuses[i]!) ? style(33, row) : row),
      ...statuses.flatMap(troubleOf).map((line) => style(33, line)),
    ];
  }

  #row(status: DomainStatus, width: number): readonly string[] {
    const { clock, dashboard } = this.options;
    const { domain, phase, standstill, lastCheckpointAt, totals } = status;
    const lag = totalLag(status);
    const page = `/${domain}`;
    return [
      domain,
      standstill ? "stands still" : phase,
      `${this.#rate(status).toLocaleString("en")}/s`,
      lag?.toLocaleString("en") ?? "unknown",
      timeOfDay(lowestWatermark(status), clock.now()),
      totals.deadLetters.toLocaleString("en"),
      lastCheckpointAt === null ? "none" : `${ageText(clock.now() - lastCheckpointAt)} ago`,
      width < WIDE ? page : dashboard + page,
    ];
  }

  #rate({ domain, totals: { records } }: DomainStatus): number {
    const at = this.options.clock.monotonic();
    const marks = this.#marks.get(domain) ?? [];
    marks.push({ at, records });
    while (marks.length > 2 && marks[1]!.at <= at - RATE_MS) marks.shift();
    this.#marks.set(domain, marks);
    const { at: since, records: before } = marks[0]!;
    return toldRate((records - before) * 1000 / Math.max(1, at - since));
  }

  #loading(statuses: readonly DomainStatus[], width: number): readonly string[] {
    const made = this.#isLoaded ? undefined : this.options.made?.();
    if (!made) return [];
    const loaded = statuses.reduce((sum, { totals }) => sum + totals.records, 0);
    if (made.share === 1 && loaded >= made.records) {
      this.#isLoaded = true;
      return [];
    }
    const isMade = made.share === 1;
    const share = isMade ? Math.min(1, loaded / made.records) : made.share;
    const bar = barText(share, Math.max(8, Math.min(40, width - 62)));
    const percent = `${Math.floor(share * 100)}%`.padStart(4);
    const doing = isMade ? "Loading the time up to now" : "Making the time up to now ";
    return ["", `${doing}  ${bar} ${percent}  ${countOf(isMade ? loaded : made.records, "record")}`];
  }
}

const isInTrouble = ({ phase, standstill }: DomainStatus) =>
  standstill !== null || phase === "failed" || phase === "restarting";

function troubleOf({ domain, phase, lastError, standstill }: DomainStatus): readonly string[] {
  if (standstill) return [`${domain}: ${standstill.reason}`];
  return phase === "failed" && lastError !== null ? [`${domain}: ${lastError}`] : [];
}
