// The dashboard: the page at FRESHET_DASHBOARD_PORT and the data behind it. Each concern is a file beside this one. Knows the
// statuses and queries it is handed, nothing of engines or adapters.
import { type Context, Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import * as z from "zod";
import type { Clock } from "../../clock.ts";
import { alertTypesOf, type Domain } from "../../domains/domain.ts";
import type { DomainStatus } from "../../engine/status.ts";
import type { QueryOptions, QueryResult, Warehouse } from "../../warehouse/warehouse.ts";
import { clientAddress, proxyCheck } from "../client_address.ts";
import { checkHost, type Names } from "../host_check.ts";
import type { Connections } from "../connections.ts";
import type { Tokens } from "../auth.ts";
import { Guesses } from "../guesses.ts";
import { type HttpServer, listen } from "../listen.ts";
import { checkOrigin } from "../origin_check.ts";
import { limitRate } from "../rate_limit.ts";
import { BodyReader } from "../request_body.ts";
import { AnswerCache } from "./answer_cache.ts";
import { ExplorerError } from "./explorer.ts";
import { type Live, liveRoute } from "./live.ts";
import { createLive, newsTopics } from "./live_news.ts";
import { type NoteKeeper, noteRoutes } from "./note_routes.ts";
import { PAGE_HTML, pageFiles } from "./page_files.ts";
import { failure, failureOf } from "./failure.ts";
import { panelsOf, type ShownPanels } from "./panel_answers.ts";
import { panelRoutes } from "./panel_routes.ts";
import type { About, Answer, DayHistoryAnswer, StatusHistoryAnswer } from "./protocol.ts";
import { type AllCheck, allCheck, requireSession, sessionRoute } from "./session.ts";
import { LargeAnswers } from "../large_answers.ts";
import { sqlRoutes } from "./sql_routes.ts";
import { StatusHistory, type StatusHistoryOptions } from "./status_history.ts";
import { tableRoutes } from "./table_routes.ts";
import { topicRoutes, type TopicRoutesOptions } from "./topic_routes.ts";

export interface DashboardOptions extends Names {
  /** 0 for any free port. */
  readonly port: number;
  /** How long the body of a request may take, milliseconds; ten seconds unless told. */
  readonly bodyTimeoutMs?: number;
  /** Addresses and subnets of proxies in front, whose word is taken for whom they ask. */
  readonly trustedProxies?: readonly string[];
  /** Those of all servers. */
  readonly connections?: Connections;
  readonly tokens: Tokens;
  /** Requests per second and address; `Infinity` for no limit. */
  readonly rateLimit: number;
  readonly version: string;
  /** What a person types before a verb; `freshet` when left out. */
  readonly command?: string;
  readonly log: string;
  readonly warehouse: Pick<Warehouse, "name" | "description" | "dialect" | "freshness">;
  /** Those that run. */
  readonly domains: readonly Domain[];
  /** Names of all domains, running or not: each has a path. */
  readonly names: readonly string[];
  /** What follows a topic's name in that of its dead letters; `.dlq` when left out. */
  readonly deadLetterSuffix?: string;
  readonly statuses: () => readonly DomainStatus[];
  readonly clock: Pick<Clock, "now" | "monotonic">;
  readonly query: (sql: string, options: QueryOptions) => Promise<QueryResult>;
  /** For what a user puts together: filters, sorting and pages of a table. */
  readonly usersQuery: (sql: string, options: QueryOptions) => Promise<QueryResult>;
  /** Where it is kept what people note. */
  readonly notes: NoteKeeper;
  /** What the checkpoints of a domain have taken so far. */
  readonly checkpointsOf: StatusHistoryOptions["checkpointsOf"];
  /** Where the history of the pipelines is kept over a restart. */
  readonly historyFile?: StatusHistoryOptions["historyFile"];
  /** Topics of the log, to be looked into. */
  readonly topics: TopicRoutesOptions["topics"];
  /** Sends a dead letter to its topic again. */
  readonly republish: TopicRoutesOptions["republish"];
  /** Settings of the domains by name. Panels hand out thresholds of them, never all. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Of a login: a token. */
const MAX_LOGIN_BYTES = 10_000;
/** Of a statement, or of a record that is sent again: as much as the API takes. */
const MAX_BODY_BYTES = 1_000_000;
const BODY_MS = 10_000;
/** Of what people note: some hundred alerts at once. */
const MAX_NOTE_BYTES = 300_000;

interface Dashboard {
  readonly app: Hono;
  /** Streams that must be ended before the server is. */
  readonly live: Live;
  /** To be started with the server. */
  readonly history: StatusHistory;
}

/** The routes, and what is behind them. */
export function createDashboard(options: DashboardOptions): Dashboard {
  const { tokens, clock, statuses, warehouse } = options;
  const now = () => clock.monotonic();
  const addressOf = clientAddress(proxyCheck(options.trustedProxies ?? []));
  const guesses = new Guesses({ now, addressOf });
  const timeoutMs = options.bodyTimeoutMs ?? BODY_MS;
  const logins = new BodyReader({ maxBytes: MAX_LOGIN_BYTES, timeoutMs }, { addressOf });
  const bodies = new BodyReader({ maxBytes: MAX_BODY_BYTES, timeoutMs }, { addressOf });
  const mayAll = allCheck(tokens);
  const shown = panelsOf(options.domains);
  const { freshMs, staleMs, isFree } = warehouse.freshness;
  const versionOfDomain = (domain: string) => versionOf(statuses(), domain);
  const answering = {
    clock,
    version: versionOfDomain,
    edition: () => options.notes.version,
    freshMs,
    // Where a question costs, none is asked that nothing can have changed the answer to.
    staleMs: (domain: string) => !isFree && writesAlone(statuses(), domain) ? Infinity : staleMs,
  };
  const answers = new AnswerCache({ ...answering, query: options.query });
  const looks = new AnswerCache({ ...answering, query: options.usersQuery });
  const live = createLive({ ...options, shown, answers, version: versionOfDomain });
  const history = new StatusHistory({ ...options, memory: () => Deno.memoryUsage().rss });
  const app = new Hono();
  app.use(secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'"],
      connectSrc: ["'self'"],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
    },
    xFrameOptions: "DENY",
    strictTransportSecurity: false,
  }));
  app.use(checkHost(options));
  app.use(limitRate({ perSecond: options.rateLimit, now }, addressOf));
  app.use(async (c, next) => {
    // Answers change all the time, and files with the program.
    c.header("cache-control", "no-cache");
    await next();
  });
  app.use("/api/*", refuseOtherSites);
  app.use(checkOrigin(options));
  pageFiles(app, options.names);
  sessionRoute(app, { tokens, guesses, bodies: logins });
  app.use("/api/*", requireSession({ tokens, guesses }));
  noteRoutes(app, {
    notes: options.notes,
    mayAll,
    bodies: new BodyReader({ maxBytes: MAX_NOTE_BYTES, timeoutMs }, { addressOf }),
    alertTypes: new Map(options.domains.map((domain) => [domain.name, alertTypesOf(domain)])),
  });
  aboutRoute(app, { ...options, shown, answers, mayAll });
  panelRoutes(app, { ...options, shown, answers, addressOf });
  const tables = shown.flatMap(({ domain, tables }) => tables.map((table) => ({ ...table, domain })));
  const large = new LargeAnswers(addressOf);
  tableRoutes(app, { tables, answers: looks, dialect: warehouse.dialect, large, addressOf });
  sqlRoutes(app, { answers, looks, bodies, large, mayAll });
  topicRoutes(app, { ...options, names: topicsOf(options), bodies, mayAll, addressOf });
  liveRoute(app, live, { news: newsTopics(shown), addressOf });
  historyRoutes(app, history, clock);
  app.notFound((c) =>
    isForPeople(c) ? c.html(PAGE_HTML, 404) : failure(c, 404, "not_found", `Nothing at ${c.req.path.slice(0, 200)}`)
  );
  app.onError((error, c) => answerError(error, c));
  return { app, live, history };
}

/** What the domains read, and where their dead letters are. */
function topicsOf({ domains, deadLetterSuffix = ".dlq" }: DashboardOptions): TopicRoutesOptions["names"] {
  return domains.flatMap(({ name, topic, copyOf }) => {
    const read = copyOf === undefined ? [topic] : [topic, copyOf];
    return [...read, topic + deadLetterSuffix].map((one) => ({ topic: one, domain: name }));
  });
}

/** Listens. Throws `ConfigError` when the address cannot be used, naming the setting. */
export function startDashboard(options: DashboardOptions): HttpServer {
  const { app, live, history } = createDashboard(options);
  const address = { ...options, portSetting: "FRESHET_DASHBOARD_PORT" };
  const server = listen(address, (request, client) => app.fetch(request, client), { connections: options.connections });
  history.start();
  return {
    url: server.url,
    async [Symbol.asyncDispose]() {
      history[Symbol.dispose]();
      live[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Changes with each checkpoint of the domain; that of the pipeline with each of any. */
function versionOf(statuses: readonly DomainStatus[], domain: string): number {
  return statuses.filter((status) => domain === "pipeline" || status.domain === domain)
    .reduce((sum, { totals }) => sum + totals.checkpoints, 0);
}

/** Whether nobody but this process writes the domain's tables, so that their version says all. */
function writesAlone(statuses: readonly DomainStatus[], domain: string): boolean {
  const shown = statuses.filter((status) => domain === "pipeline" || status.domain === domain);
  return shown.length > 0 && shown.every(({ phase, isShared }) => phase === "running" && !isShared);
}

interface DashboardParts extends DashboardOptions {
  readonly shown: readonly ShownPanels[];
  readonly answers: AnswerCache;
  readonly mayAll: AllCheck;
}

function aboutRoute(app: Hono, options: DashboardParts): void {
  const { domains, shown, answers, version, command = "freshet", log, warehouse, clock, mayAll } = options;
  app.get("/api/about", (c) =>
    c.json<About>({
      version,
      command,
      warehouse: { name: warehouse.name, description: warehouse.description, is_free: warehouse.freshness.isFree },
      log,
      domains: domains.map(({ name, topic, panels, severities }) => ({
        name,
        topic,
        severities: severities ?? {},
        is_made: panels === undefined,
        has_alerts: shown.some(({ domain, alerts }) => domain === name && alerts !== undefined),
      })),
      tables: shown.flatMap(({ domain, tables }) => tables.map(({ name }) => ({ name, domain }))),
      fresh_ms: answers.freshMs,
      may_all: mayAll(c) === undefined,
      now: new Date(clock.now()).toISOString(),
    }));
}

/** Hours that may be asked for; the ring holds no more. */
const Hours = z.enum(["1", "6", "24"]).default("6").transform(Number);

function historyRoutes(app: Hono, history: StatusHistory, clock: Pick<Clock, "now">): void {
  const answer = <T>(data: T): Answer<T> => ({ data, asked_at: new Date(clock.now()).toISOString(), took_ms: 0 });
  app.get("/api/history", (c) => c.json(answer<StatusHistoryAnswer>(history.answer())));
  app.get("/api/history/day", (c) => {
    const hours = Hours.safeParse(c.req.query("hours"));
    if (!hours.success) return failure(c, 400, "bad_request", "Ask for hours=1, 6 or 24");
    return c.json(answer<DayHistoryAnswer>(history.day(hours.data)));
  });
}

/** Whether a browser asks for a page: the script then says in words that there is none. */
function isForPeople(c: Context): boolean {
  const wanted = c.req.header("accept") ?? "";
  return c.req.method === "GET" && !c.req.path.startsWith("/api/") && wanted.includes("text/html");
}

/** A page of another site can make a browser ask, though not read: it need not even be answered. */
async function refuseOtherSites(c: Context, next: () => Promise<void>) {
  const site = c.req.header("sec-fetch-site");
  if (site !== undefined && site !== "same-origin" && site !== "none") {
    return failure(c, 403, "other_site", "Pages of other sites may not ask");
  }
  return await next();
}

function answerError(error: Error, c: Context) {
  if (c.req.raw.signal.aborted) return failure(c, 503, "gone", "Nobody waits for the answer any more");
  if (error instanceof ExplorerError) return failure(c, 400, "bad_request", error.message);
  const { status, code, detail } = failureOf(error, c.req.path);
  if (status === 503) c.header("retry-after", "1");
  return failure(c, status, code, detail);
}
