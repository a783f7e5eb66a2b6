// The composition root: opens everything that a `run` needs, runs it until the end or a signal, and closes it in reverse.
// Which adapters there are is said in wiring.ts; what a person sees on the terminal is the command line's business.
import type { Clock, EventNow } from "./clock.ts";
import { AlertSending, Notes, SmallWrites } from "./alerts/mod.ts";
import { alertChannels, type Config } from "./config/mod.ts";
import { CheckpointTotals } from "./engine/checkpoint_totals.ts";
import { gapUpsert, TRUNCATIONS } from "./engine/gap.ts";
import type { AlertOptions, TimeBefore } from "./engine/options.ts";
import type { DomainStatus } from "./engine/status.ts";
import { startDashboard } from "./http/dashboard/mod.ts";
import { connectionBudget, Reachability, startHttp } from "./http/mod.ts";
import { type EventMaker, ingestSources } from "./ingest_sources.ts";
import { skipInCopies } from "./copy_skip.ts";
import { CopiedRunner } from "./copied_runner.ts";
import { KeyedCopy } from "./keyed_copy.ts";
import { BatchedProducer } from "./log/batched_producer.ts";
import type { Log } from "./log/log.ts";
import { loggerFor } from "./logging.ts";
import { addGauge, copyObserverOf, createMetrics, type Metrics, observerOf } from "./metrics/mod.ts";
import { addStreamingMetrics } from "./metrics/streaming.ts";
import { addProcessMetrics, watchEventLoop } from "./metrics/process.ts";
import type { Domain } from "./domains/domain.ts";
import type { Parts, Runner, RunnerOptions, Threads } from "./parts.ts";
import { prepare, type Prepared } from "./preparation.ts";
import { openReadSources } from "./read_sources.ts";
import { republishOne } from "./engine/republish.ts";
import { skipIn } from "./engine/skip.ts";
import { topicSource } from "./engine/topic_reader.ts";
import { reportProgress } from "./progress_report.ts";
import { claimRunFile } from "./run_file.ts";
import { supervise } from "./supervision.ts";
import type { QueryOptions, Warehouse } from "./warehouse/warehouse.ts";

/** How much one answer to a query from outside may hold: it is in the memory of the run, beside those of others. */
const MAX_ANSWER_BYTES = 64 << 20;

/** Something that runs beside the domains and feeds them, such as a simulator. */
export interface Feed {
  /** Puts into the log what must be there before the domains begin, and before events from outside: they would make it late. */
  prepare?(log: Log, signal: AbortSignal): Promise<void>;
  /** Ends when the signal is aborted. */
  run(log: Log, signal: AbortSignal): Promise<void>;
}

export interface AppOptions {
  readonly config: Config;
  readonly parts: Parts;
  readonly domains: readonly Domain[];
  readonly clock: Clock;
  readonly pid: number;
  readonly version: string;
  /** What a person types before a verb; `freshet` when left out. */
  readonly command?: string;
  readonly feeds: readonly Feed[];
  /** For routes that publish events made here. */
  readonly makeEvents?: EventMaker;
  /** What time it is for the domains' events, where that is not what the clock says. */
  readonly eventNow?: EventNow;
  /** Work off what is in the topics now, then return; or go on to where event time was before, rather than close everything. */
  readonly untilEnd: boolean | TimeBefore;
  /** Aborted to drain and return. */
  readonly signal: AbortSignal;
  /** Leaves at once; called when draining takes longer than it may. */
  readonly giveUp: (message: string) => never;
  /** Called when everything is up. */
  readonly onUp?: (up: Up) => void;
  /** Called now and then with how far the domains are, instead of the log lines that say so. */
  readonly onProgress?: (statuses: readonly DomainStatus[]) => void;
  /** Called with how far the domains have come, after the last checkpoint. */
  readonly onDone?: (statuses: readonly DomainStatus[]) => void;
}

/** What is up, for people. */
export interface Up {
  readonly log: string;
  readonly warehouse: string;
  /** Base URL of the HTTP API. */
  readonly url: string;
  /** URL of the dashboard's page. */
  readonly dashboard: string;
}

/**
 * Runs the domains. Resolves when the signal was aborted and the last checkpoint is written, or with `untilEnd` when
 * everything is worked off. Rejects when a domain that cannot go on ends the run, after the others have drained.
 */
export async function runApp(options: AppOptions): Promise<void> {
  const stop = new AbortController();
  const stopNow = () => stop.abort(options.signal.reason);
  options.signal.addEventListener("abort", stopNow, { once: true });
  if (options.signal.aborted) stopNow();
  let statuses: () => readonly DomainStatus[] = () => [];
  const deadline = drainDeadline({ ...options, statuses: () => statuses() }, stop.signal);
  try {
    await openAndRun(options, { stop, onRunners: (all) => statuses = () => all.map((runner) => runner.status()) });
  } finally {
    deadline.cancel();
    options.signal.removeEventListener("abort", stopNow);
  }
}

interface Opening {
  readonly stop: AbortController;
  /** Called when nothing has been read yet. */
  readonly onRunners: (runners: readonly Runner[]) => void;
}

async function openAndRun(options: AppOptions, { stop, onRunners }: Opening): Promise<void> {
  const { config, parts, domains, clock } = options;
  await using stack = new AsyncDisposableStack();
  const runFile = stack.use(await claimRunFile({ dataDir: config.dataDir, pid: options.pid }));
  const log = stack.use(await parts.openLog(config, clock));
  const warehouse = stack.use(await parts.openWarehouse(config, clock));
  const metrics = createMetrics();
  addProcessMetrics(metrics.registry, { version: options.version, clock });
  addStreamingMetrics(metrics.registry, () => warehouse.streamed);
  const { reads, observers, isCacheReachable } = await openReadSources(domains, {
    ...options,
    warehouse,
    metrics,
    stack,
  });
  const { untilEnd, makeEvents, eventNow } = options;
  const fed = Promise.withResolvers<void>();
  const checkpoints = new CheckpointTotals();
  const statuses = () => runners.map((runner) => runner.status());
  const writes = stack.use(new SmallWrites(warehouse));
  const alerts = alertSending({ ...options, log, warehouse, writes, statuses, metrics, stack });
  const told = [observerOf(metrics), checkpoints, ...observers, ...alerts ? [alerts.observer] : []];
  const shared = { log, warehouse, clock, config, untilEnd, observers: told };
  const threads = await openThreads(options, { ...shared, alerts: alerts && alertOptions(options) }, stack);
  addGauge(metrics, { name: "freshet_threads", help: "Threads that share the partitions", read: () => threads.count });
  const copies = keyedCopies({ ...options, log, warehouse, writes, metrics });
  const runners: readonly Runner[] = domains.map((domain) => {
    const now = eventNow?.(domain);
    const runner = threads.all?.runner(domain) ??
      parts.createRunner({
        ...{ ...shared, domain, sharers: domains.length },
        eventNow: now,
        alerts: alerts && alertOptions(options, now),
      });
    const copy = copies.get(domain);
    return copy ? stack.use(new CopiedRunner(runner, copy, { untilEnd: Boolean(untilEnd) })) : runner;
  });
  onRunners(runners);
  const group = new BatchedProducer(log, clock);
  addGauge(metrics, {
    name: "freshet_http_events_waiting",
    help: "Events that came over HTTP and wait for the log",
    read: () => group.waiting,
  });
  const tokens = { ...tokensOf(config), run: runFile.token };
  const connections = connectionBudget({ config, metrics, dataDir: config.dataDir });
  const skipping = { log, warehouse, clock, signal: stop.signal };
  const usersQuery = (sql: string, limits: QueryOptions) =>
    warehouse.query(sql, { maxBytes: MAX_ANSWER_BYTES, ...limits, asker: "user" });
  const http = stack.use(startHttp({
    connections,
    trustedProxies: config.trustedProxies,
    hostname: config.host,
    allowedHosts: config.allowedHosts,
    // Work that ends by itself needs no well-known address.
    port: untilEnd ? 0 : config.apiPort,
    pid: options.pid,
    version: options.version,
    tokens,
    statuses,
    metrics,
    ...reachability({ log, warehouse, clock }),
    clock,
    ingest: ingestSources(domains, {
      ...{ group, config, makeEvents, eventNow },
      before: fed.promise,
    }),
    reads,
    isCacheReachable,
    rateLimit: config.rateLimit,
    query: usersQuery,
    skip: skipInCopies(skipIn(skipping, domains), { ...skipping, copies }),
  }));
  // Nobody waits for what does not come any more.
  stack.defer(() => fed.resolve());
  const dashboard = stack.use(startDashboard({
    connections,
    trustedProxies: config.trustedProxies,
    hostname: config.host,
    allowedHosts: config.allowedHosts,
    port: untilEnd ? 0 : config.dashboardPort,
    tokens,
    rateLimit: config.rateLimit,
    version: options.version,
    command: options.command,
    log: log.description,
    warehouse,
    domains,
    names: parts.modules.map(({ name }) => name),
    deadLetterSuffix: config.deadLetterSuffix,
    statuses,
    clock,
    query: (sql, limits) => warehouse.query(sql, { maxBytes: MAX_ANSWER_BYTES, ...limits }),
    usersQuery,
    notes: new Notes({ writes, warehouse, now: () => clock.now(), onMute: () => alerts?.wake() }),
    checkpointsOf: (domain) => checkpoints.of(domain),
    historyFile: `${config.dataDir}/freshet.history.ndjson`,
    topics: topicSource({ log, clock }),
    republish: (request) => republishOne(request, { log, warehouse }),
    settings: config.domains,
  }));
  const publish = () => runFile.publish(http.url);
  const prepared = await prepare({ ...options, log, warehouse, onWait: publish }, stop.signal);
  if (stop.signal.aborted) return;
  await publish();
  options.onUp?.({
    log: log.description,
    warehouse: warehouse.description,
    url: http.url,
    dashboard: dashboard.url,
  });
  await runUntilDone({ ...options, log, runners, statuses, metrics, prepared, alerts, onFed: fed.resolve }, stop);
}

interface AlertSendingParts extends AppOptions {
  readonly log: Log;
  readonly warehouse: Warehouse;
  readonly writes: SmallWrites;
  readonly statuses: () => readonly DomainStatus[];
  readonly metrics: Metrics;
  readonly stack: AsyncDisposableStack;
}

/** What sends alerts, where somebody is to be told. Of what has an end nobody is: it is history. */
function alertSending({ config, untilEnd, stack, metrics, ...parts }: AlertSendingParts): AlertSending | undefined {
  if (untilEnd || alertChannels(config.alerts).length === 0) return undefined;
  const onOutcome = (channel: string, result: string, messages: number) =>
    metrics.alertMessages.inc({ channel, result }, messages);
  return stack.use(new AlertSending({ ...parts, config: config.alerts, onOutcome }));
}

/** Whom the engine lets know of which alerts: what feeds make of the time before the run is history. */
function alertOptions({ config, feeds, clock }: AppOptions, eventNow = () => clock.now()): AlertOptions {
  const makesHistory = feeds.some(({ prepare }) => prepare !== undefined);
  return {
    channels: alertChannels(config.alerts),
    maxAgeMs: config.alerts.maxAgeMs,
    notBefore: makesHistory ? eventNow() : undefined,
  };
}

/** The threads that are configured; none but this one where time is the simulation's, which this one keeps. */
async function openThreads(
  { config, parts, domains, eventNow }: AppOptions,
  shared: Omit<RunnerOptions, "domain">,
  stack: AsyncDisposableStack,
): Promise<{ readonly count: number; readonly all?: Threads }> {
  if (config.threads === 1 || parts.openThreads === undefined) return { count: 1 };
  if (domains.some((domain) => eventNow?.(domain) !== undefined)) {
    loggerFor("run").info("With --speed everything runs in one thread", { FRESHET_THREADS: config.threads });
    return { count: 1 };
  }
  // Each domain has a part of the memory for state, in each thread.
  const sharers = domains.length * config.threads;
  const all = stack.use(await parts.openThreads({ ...shared, domains, sharers }));
  return { count: config.threads, all };
}

interface KeyedCopiesParts extends AppOptions {
  readonly log: Log;
  readonly warehouse: Pick<Warehouse, "query">;
  readonly writes: SmallWrites;
  readonly metrics: Metrics;
}

/** What makes the keyed copies that domains read. */
function keyedCopies(parts: KeyedCopiesParts): Map<Domain, KeyedCopy> {
  const { domains, config, clock, log, warehouse, writes, metrics } = parts;
  const copied = domains.filter(({ copyOf }) => copyOf !== undefined);
  return new Map(copied.map((domain) => {
    const { name, copyOf: topic = "" } = domain;
    const { onCopied, onSkipped } = copyObserverOf(metrics, name);
    const copy = new KeyedCopy({
      ...{ domain, log, clock, onCopied, onDamage: config.onDamage },
      logger: loggerFor(`${name} copy`),
      async onGap(gap) {
        await writes.write([gapUpsert({ name, topic }, gap)]);
        onSkipped(gap.to - gap.from);
      },
      async truncations() {
        const { rows } = await warehouse.query(TRUNCATIONS, { binds: [name, topic] });
        return new Map(rows.map(([partition, count]) => [Number(partition), Number(count)]));
      },
    });
    return [domain, copy];
  }));
}

interface ReachabilityOptions {
  readonly log: Log;
  readonly warehouse: Warehouse;
  readonly clock: Clock;
}

/** How the health routes ask. A warehouse that costs money is not: each question would wake it. */
function reachability({ log, warehouse, clock }: ReachabilityOptions) {
  const logAnswers = new Reachability({ ask: () => log.topics([]), clock });
  const warehouseAnswers = new Reachability({
    ask: () => warehouse.query("SELECT 1", { asker: "probe", maxRows: 1 }),
    clock,
  });
  return {
    isLogReachable: () => logAnswers.isReachable(),
    isWarehouseReachable: () => warehouse.freshness.isFree ? warehouseAnswers.isReachable() : Promise.resolve(true),
  };
}

interface RunningApp extends AppOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly runners: readonly Runner[];
  readonly statuses: () => readonly DomainStatus[];
  readonly prepared: Prepared;
  readonly alerts: AlertSending | undefined;
  /** Called when the feeds have prepared what they have to. */
  readonly onFed: () => void;
}

async function runUntilDone(app: RunningApp, stop: AbortController): Promise<void> {
  const beside = new AbortController();
  const feedSignal = AbortSignal.any([stop.signal, beside.signal]);
  const side = [
    watchEventLoop(app.metrics.eventLoopDelay, app.clock, beside.signal),
    reportProgress({ statuses: app.statuses, clock: app.clock, signal: beside.signal, show: app.onProgress }),
    app.alerts?.run(beside.signal),
  ];
  const { feeds, log } = app;
  const context = { signal: feedSignal, stop };
  const preparing = feeds.map((feed) => feeding(context, () => feed.prepare?.(log, feedSignal)));
  side.push(...preparing);
  await Promise.allSettled(preparing);
  app.onFed();
  if (!stop.signal.aborted) side.push(...feeds.map((feed) => feeding(context, () => feed.run(log, feedSignal))));
  const failures = await supervise({
    domains: app.domains.map(({ name }, i) => ({
      name,
      runner: app.runners[i]!,
      prepare: () => app.prepared.domain(name),
    })),
    clock: app.clock,
    onFailure: app.config.onFailedDomain,
    retryMs: app.config.failedRetryMs,
    ends: Boolean(app.untilEnd),
    stop,
  });
  app.onDone?.(app.statuses());
  beside.abort();
  const sideFailures = (await Promise.allSettled(side)).filter((result) => result.status === "rejected");
  failures.push(...sideFailures.map((result) => result.reason));
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, "Several things failed");
}

interface FeedContext {
  readonly signal: AbortSignal;
  readonly stop: AbortController;
}

/** A feed that fails stops the run: a simulation without records would only look as if it went on. */
async function feeding({ signal, stop }: FeedContext, work: () => Promise<void> | undefined): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (signal.aborted) return;
    stop.abort(error);
    throw error;
  }
}

interface DrainOptions extends Pick<AppOptions, "config" | "clock" | "giveUp"> {
  readonly statuses: () => readonly DomainStatus[];
}

/** Once the signal is aborted everything must be closed within `drainMs`, or the process is left. */
function drainDeadline({ config, clock, giveUp, statuses }: DrainOptions, signal: AbortSignal): { cancel(): void } {
  const done = new AbortController();
  const start = () => {
    loggerFor("run").info("Draining: writing the last checkpoint", { within_ms: config.drainMs });
    clock.sleep(config.drainMs, done.signal).then(() => giveUp(overdue(config.drainMs, statuses())), () => {});
  };
  if (signal.aborted) start();
  else signal.addEventListener("abort", start, { once: true, signal: done.signal });
  return { cancel: () => done.abort() };
}

function overdue(drainMs: number, statuses: readonly DomainStatus[]): string {
  // Whoever is starting has read nothing yet.
  if (statuses.every(({ phase }) => phase === "stopped" || phase === "starting")) {
    return `Everything is written; what was still open did not close within ${drainMs} ms (FRESHET_DRAIN_MS): nothing is lost`;
  }
  return `The last checkpoint was not written within ${drainMs} ms (FRESHET_DRAIN_MS): ` +
    "nothing is lost, the next run goes on from the checkpoint before";
}

function tokensOf({ apiToken: api, ingestToken: ingest, readToken: read }: Config) {
  return { api, ingest, read };
}
