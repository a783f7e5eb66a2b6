// The panels that a dashboard shows, and what they answer: those of a page together, all of a domain about one moment; and anew
// for browsers that follow them by the stream: once for all who do, every so many seconds, or as soon as their tables have
// changed, and then less often where looking takes long. Must not know streams, nor what the panels are about.
import * as z from "zod";
import type { Clock } from "../../clock.ts";
import type { Domain } from "../../domains/domain.ts";
import {
  type DataTimes,
  dataTimes,
  type DomainPanels,
  madePanels,
  type PanelContext,
  type Question,
} from "../../panels/mod.ts";
import type { AnswerCache } from "./answer_cache.ts";
import { failureOf } from "./failure.ts";
import type { Live } from "./live.ts";
import { pipelinePanels } from "./pipeline_panels.ts";
import type { Answer, LivePanel } from "./protocol.ts";

/** What a domain shows, or the pipelines themselves under the name `pipeline`. */
export interface ShownPanels extends DomainPanels {
  readonly domain: string;
  /** Whether its panels have a now of their own: that of its newest event. */
  readonly hasEventTime: boolean;
}

/** The panels of each domain that runs, and those about the pipelines themselves. */
export function panelsOf(domains: readonly Domain[]): readonly ShownPanels[] {
  const own = domains.map((domain) => ({
    ...domain.panels ?? madePanels(domain),
    domain: domain.name,
    hasEventTime: true,
  }));
  return [...own, { ...pipelinePanels, domain: "pipeline", hasEventTime: false }];
}

export interface PanelPageOptions {
  readonly shown: readonly ShownPanels[];
  readonly answers: AnswerCache;
  /** Settings of the domains by name. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** How old answers may be, milliseconds, instead of what holds for all; with 0 only those that nothing has changed are taken. */
  readonly freshMs?: number;
}

/** Panels that may be asked for at once. */
export const MAX_ASKED = 30;

/** Nobody reads it. */
const GONE = { status: 503, code: "gone", detail: "Nobody waits for the answer any more" } as const;

export class PanelPage {
  readonly #options: PanelPageOptions;
  readonly #signal: AbortSignal | undefined;
  /** By domain, so that all its panels are about the same. */
  readonly #moments = new Map<string, Promise<Answer<DataTimes | null>>>();

  /** `signal`: whether somebody still waits for any of them. */
  constructor(options: PanelPageOptions, signal?: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** What `domain/panel?parameters` answers; it is given up when nobody waits for it any more. */
  async answerTo(ask: string, signal: AbortSignal): Promise<LivePanel> {
    const [path, query = ""] = [ask.split("?", 1)[0]!, ask.slice(ask.indexOf("?") + 1 || ask.length)];
    const [domain = "", name = ""] = path.split("/");
    const panels = this.#options.shown.find((one) => one.domain === domain)?.panels;
    const panel = panels !== undefined && Object.hasOwn(panels, name) ? panels[name] : undefined;
    if (panel === undefined) {
      return { failure: { status: 404, code: "not_found", detail: `There is no panel ${path.slice(0, 200)}` } };
    }
    const params = new URLSearchParams(query);
    const question = panel.read(listed([...new Set(params.keys())].map((key) => [key, params.getAll(key)])));
    if ("error" in question) {
      return { failure: { status: 400, code: "bad_request", detail: z.prettifyError(question.error) } };
    }
    try {
      return { answer: await this.#answer(question, { domain, key: `${name} ${question.key}`, signal }) };
    } catch (error) {
      return { failure: signal.aborted ? GONE : failureOf(error as Error, path) };
    }
  }

  async #answer(
    question: Question<unknown>,
    { domain, key, signal }: { readonly domain: string; readonly key: string; readonly signal: AbortSignal },
  ): Promise<Answer<unknown>> {
    const { answers, settings, freshMs } = this.#options;
    const context: Omit<PanelContext, "ask"> = { settings, domain, times: await this.#moment(domain) };
    const at = context.times === undefined ? key : `${key} @${context.times?.now}`;
    return await answers.shared(domain, at, (ask) => question.answer({ ...context, ask }), { signal, freshMs });
  }

  /** Event time of the domain, the same for all its panels; `undefined` for what has none. */
  async #moment(domain: string): Promise<DataTimes | null | undefined> {
    const { answers, settings, shown, freshMs } = this.#options;
    if (!shown.some((one) => one.domain === domain && one.hasEventTime)) return undefined;
    const known = this.#moments.get(domain) ??
      answers.shared(domain, "moment", (ask) => dataTimes({ ask, settings, domain }, domain), {
        signal: this.#signal,
        freshMs,
      });
    this.#moments.set(domain, known);
    return (await known).data;
  }
}

/** Query parameters; those that are repeated are lists. */
export function listed(
  entries: readonly (readonly [string, readonly string[]])[],
): Record<string, string | string[]> {
  return Object.fromEntries(entries.map(([name, values]) => [name, values.length === 1 ? values[0]! : [...values]]));
}

export interface LivePanelsOptions extends PanelPageOptions {
  readonly clock: Pick<Clock, "monotonic">;
  /** Changes when a domain's tables may have changed. */
  readonly version: (domain: string) => string | number;
  /** Changes when all is to be looked at anew at once. */
  readonly edition: () => number;
  readonly publish: Live["publish"];
}

/** The topic of a panel, `domain/panel?parameters`, looked at every so many seconds; 0: whenever its tables have changed. */
export function panelTopic(ask: string, everyS: number): string {
  return `${everyS} ${ask}`;
}

/** Looking takes at most this part of the time, as long as that is not less often than every `MAX_REST_MS`. */
const BUSY_PART = 1 / 5;
const MAX_REST_MS = 5_000;
/** Nor are those that failed looked at again sooner than this. */
const TRY_AGAIN_MS = 1_000;
/** Other processes may write the tables, too: what is not known to have changed is looked at as often as this. */
const UNCHANGED_MS = 5_000;

/** Panels of a domain that are looked at together, so that all are about one moment. */
interface Group {
  lookedAt: number;
  /** That may have changed since; `undefined` when a panel could not be answered. */
  version: string | number | undefined;
  /** Until when they are left alone, however much changes. */
  restUntil: number;
}

/** `everyS domain`. */
function groupOf(topic: string): string {
  return topic.split("/", 1)[0]!;
}

export class LivePanels {
  readonly #options: LivePanelsOptions;
  /** Topics that have been looked at. */
  readonly #known = new Set<string>();
  /** Those that are being looked at. */
  readonly #looking = new Map<string, AbortController>();
  readonly #groups = new Map<string, Group>();
  #edition = 0;

  constructor(options: LivePanelsOptions) {
    this.#options = options;
  }

  /** Looks at those of the topics whose time has come, and gives up what nobody follows any more. */
  tick(topics: ReadonlySet<string>): void {
    const { edition } = this.#options;
    this.#forgetAllBut(topics);
    if (edition() !== this.#edition) this.#known.clear();
    this.#edition = edition();
    const due = [...Map.groupBy(topics, groupOf)].map(([group, members]) => [group, this.#due(group, members)] as const)
      .filter(([, members]) => members.length > 0);
    if (due.length === 0) return;
    const page = new PanelPage(this.#options);
    for (const [group, members] of due) void this.#lookAt(group, members, page);
  }

  #forgetAllBut(topics: ReadonlySet<string>): void {
    for (const topic of new Set([...this.#known, ...this.#looking.keys()])) {
      if (topics.has(topic)) continue;
      this.#known.delete(topic);
      this.#looking.get(topic)?.abort();
      this.#looking.delete(topic);
    }
    const followed = new Set([...topics].map(groupOf));
    for (const group of this.#groups.keys()) if (!followed.has(group)) this.#groups.delete(group);
  }

  /** The members that are to be looked at now: all when it is time, and at once those that have never been. */
  #due(name: string, members: readonly string[]): readonly string[] {
    const [everyS, domain] = name.split(" ");
    // What is no panel's topic is never due.
    if (domain === undefined) return [];
    const now = this.#options.clock.monotonic();
    const version = this.#options.version(domain);
    const group = this.#groups.get(name);
    const isBusy = members.some((topic) => this.#looking.has(topic));
    const isTime = group === undefined ||
      (everyS === "0"
        ? this.#isOvertaken(group, { now, version, isBusy })
        : now - group.lookedAt >= 1000 * Number(everyS));
    if (isTime) this.#groups.set(name, { lookedAt: now, version, restUntil: group?.restUntil ?? 0 });
    // A question that takes longer than the time between two looks is not asked twice.
    return members.filter((topic) => !this.#looking.has(topic) && (isTime || !this.#known.has(topic)));
  }

  /** Whether the tables may have changed since the last look, which is over, or takes too long to wait for. */
  #isOvertaken(
    { lookedAt, version: seen, restUntil }: Group,
    { now, version, isBusy }: { readonly now: number; readonly version: string | number; readonly isBusy: boolean },
  ): boolean {
    const isOld = now - lookedAt >= UNCHANGED_MS;
    return now >= restUntil && (isOld || (version !== seen && !isBusy));
  }

  async #lookAt(name: string, members: readonly string[], page: PanelPage): Promise<void> {
    const { clock } = this.#options;
    const begunAt = clock.monotonic();
    const answered = await Promise.all(members.map((topic) => this.#look(topic, page)));
    const group = this.#groups.get(name);
    if (group === undefined) return;
    group.restUntil = begunAt + Math.min(MAX_REST_MS, (clock.monotonic() - begunAt) / BUSY_PART);
    if (!answered.includes(false)) return;
    group.version = undefined;
    group.restUntil = Math.max(group.restUntil, begunAt + TRY_AGAIN_MS);
  }

  /** Whether it could be answered, as far as another look could. */
  async #look(topic: string, page: PanelPage): Promise<boolean> {
    const abandon = new AbortController();
    this.#known.add(topic);
    this.#looking.set(topic, abandon);
    const panel = await page.answerTo(topic.slice(topic.indexOf(" ") + 1), abandon.signal);
    if (abandon.signal.aborted) return true;
    this.#looking.delete(topic);
    this.#options.publish(topic, panel, "answer" in panel ? panel.answer.data : panel);
    return "answer" in panel || panel.failure.status < 500;
  }
}
