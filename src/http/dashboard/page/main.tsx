// The dashboard's page: head, navigation, and whichever page the address names.
import { type ComponentChildren, render } from "preact";
import { useContext, useEffect, useMemo, useState } from "preact/hooks";
import { totalLag } from "../../../engine/status.ts";
import type { About } from "../protocol.ts";
import { goTo, setParams, useAddress } from "./address.ts";
import { AnswerError, askPlain, ConnectionContext } from "./asking.ts";
import { domainPages } from "./domain_pages.ts";
import { durationText, momentOf, numberText, timeText, wordsOf, type Zone, zoneText } from "./format.ts";
import { type LiveNews, useLive } from "./live_stream.ts";
import {
  applyTheme,
  LookContext,
  onSystemTheme,
  SecondContext,
  storedTheme,
  type Theme,
  THEMES,
  useClock,
  useSecond,
  useSeen,
} from "./look.ts";
import { ExplorePage } from "./pages/explore.tsx";
import { LoginPage } from "./pages/login.tsx";
import { MadePage } from "./pages/made.tsx";
import { PipelinePage } from "./pages/pipeline.tsx";

interface Page {
  readonly path: string;
  readonly title: string;
  /** Whose state the head tells; that of all when there is none. */
  readonly domain?: string;
  readonly topics: readonly string[];
  readonly show: (about: About, live: LiveNews) => ComponentChildren;
}

/** Pages about all domains. */
const COMMON_PAGES: readonly Page[] = [
  { path: "/pipeline", title: "Pipeline", topics: ["status"], show: (_about, live) => <PipelinePage live={live} /> },
  { path: "/explore", title: "Explore", topics: ["status"], show: (about) => <ExplorePage about={about} /> },
];

/** The pages of the domains that run, then those about all. */
function pagesOf({ domains }: About): readonly Page[] {
  const own = domains.map((domain): Page => {
    const { name, has_alerts } = domain;
    const page = domain.is_made ? undefined : domainPages.get(name);
    return {
      path: `/${name}`,
      title: page?.title ?? wordsOf(name),
      domain: name,
      topics: has_alerts ? ["status", `alerts/${name}`] : ["status"],
      show: (_about, live) => page ? page.show(live) : <MadePage domain={domain} live={live} />,
    };
  });
  return [...own, ...COMMON_PAGES];
}

const REFRESHES = [2, 5, 10, 30, 60];
const DEFAULT_REFRESH = 5;

function App() {
  const [about, setAbout] = useState<About>();
  const [locked, setLocked] = useState(false);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    askPlain<About>("/api/about").then(setAbout, (error: unknown) => {
      if (error instanceof AnswerError && error.status === 401) return setLocked(true);
      setTimeout(() => setTries(tries + 1), 2_000);
    });
  }, [tries, locked]);
  if (locked) return <LoginPage onOpen={() => setLocked(false)} />;
  if (!about) {
    return <p class="loading" role="status">{tries === 0 ? "Loading…" : "Freshet does not answer. Trying again…"}</p>;
  }
  return <Dashboard about={about} onLocked={() => setLocked(true)} />;
}

function Dashboard({ about, onLocked }: { readonly about: About; readonly onLocked: () => void }) {
  const { path, params } = useAddress();
  const seen = useSeen();
  const [theme, setTheme] = useState<Theme>(storedTheme);
  const [system, setSystem] = useState(0);
  const [lostAt, setLostAt] = useState<number>();
  const refresh = params.get("refresh") ?? String(DEFAULT_REFRESH);
  const paused = refresh === "0";
  const tick = useTick(Number(refresh) * 1000, seen && !paused);
  const zone: Zone = params.get("tz") === "local" ? "local" : "utc";
  const pages = useMemo(() => pagesOf(about), [about]);
  const page = pages.find((page) => page.path === path) ?? pages[0]!;
  const live = useLive(page.topics, seen && !paused);
  useEffect(() => onSystemTheme(() => setSystem((n) => n + 1)), []);
  // Before the charts are drawn, which take their colours from it.
  useMemo(() => applyTheme(theme), [theme, system]);
  useEffect(() => {
    document.title = `${page.title} · Freshet`;
  }, [page]);
  const connection = useMemo(() => ({
    tick,
    report: (outcome: "ok" | "lost" | "locked") => {
      if (outcome === "locked") onLocked();
      else setLostAt((before) => outcome === "ok" ? undefined : before ?? Date.now());
    },
  }), [tick]);
  const [dataTime, setDataTime] = useState<number>();
  const serverNow = useMemo(() => momentOf(about.now) - Date.now(), [about]);
  const look = useMemo(() => ({ zone, themed: `${theme} ${system}`, serverNow, setDataTime }), [
    zone,
    theme,
    system,
    serverNow,
  ]);
  const clock = useClock(seen);
  return (
    <ConnectionContext.Provider value={connection}>
      <LookContext.Provider value={look}>
        <SecondContext.Provider value={clock}>
          <a class="skip" href="#main">Skip to the page</a>
          <header class="top">
            <span class="brand">
              <img src="/icon.svg" alt="" width={22} height={22} /> Freshet
            </span>
            <Navigation pages={pages} page={page} />
            <Controls refresh={refresh} zone={zone} theme={theme} onTheme={setTheme} />
          </header>
          <StateLine page={page} live={live} paused={paused} lostAt={lostAt} dataTime={dataTime} />
          <main id="main">
            <h1 class="visually-hidden">{page.title}</h1>
            {page.show(about, live)}
          </main>
          <footer>
            Freshet {about.version} · log {about.log} · warehouse {about.warehouse.description}
            {!about.warehouse.is_free && (
              <>, asked at most every {durationText(about.fresh_ms)} and only while somebody looks</>
            )}
          </footer>
        </SecondContext.Provider>
      </LookContext.Provider>
    </ConnectionContext.Provider>
  );
}

function Navigation({ pages, page }: { readonly pages: readonly Page[]; readonly page: Page }) {
  return (
    <nav aria-label="Pages">
      {pages.map(({ path, title }) => (
        <a
          key={path}
          href={path}
          aria-current={page.path === path ? "page" : undefined}
          onClick={(event) => {
            if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
            event.preventDefault();
            goTo(path);
          }}
        >
          {title}
        </a>
      ))}
    </nav>
  );
}

interface ControlsProps {
  /** Seconds, "0" while paused. */
  readonly refresh: string;
  readonly zone: Zone;
  readonly theme: Theme;
  readonly onTheme: (theme: Theme) => void;
}

function Controls({ refresh, zone, theme, onTheme }: ControlsProps) {
  const paused = refresh === "0";
  return (
    <div class="controls">
      <label class="field inline">
        <span>Refresh</span>
        <select
          value={refresh}
          onChange={({ currentTarget: { value } }) =>
            setParams({ refresh: value === String(DEFAULT_REFRESH) ? undefined : value })}
        >
          <option value="0">paused</option>
          {REFRESHES.map((seconds) => <option key={seconds} value={String(seconds)}>every {seconds} s</option>)}
        </select>
      </label>
      <button
        type="button"
        aria-pressed={paused}
        onClick={() => setParams({ refresh: paused ? undefined : "0" })}
      >
        {paused ? "Resume" : "Pause"}
      </button>
      <button
        type="button"
        onClick={() => setParams({ tz: zone === "utc" ? "local" : undefined })}
        aria-label={`Times in ${zoneText(zone)}: change`}
      >
        {zoneText(zone)}
      </button>
      <button
        type="button"
        aria-label={`Theme ${theme}: change`}
        onClick={() => onTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!)}
      >
        {{ auto: "◐ auto", light: "○ light", dark: "● dark" }[theme]}
      </button>
    </div>
  );
}

interface StateLineProps {
  readonly page: Page;
  readonly live: LiveNews;
  readonly paused: boolean;
  readonly lostAt: number | undefined;
  readonly dataTime: number | undefined;
}

/** Event time that is further behind the clock than this is not a live one. */
const BEHIND_MS = 120_000;

/** What now is on this page, and how well the page is connected. */
function StateLine({ page, live, paused, lostAt, dataTime }: StateLineProps) {
  const { zone, serverNow } = useContext(LookContext);
  const second = useSecond();
  const status = live.news.status;
  const domains = status?.domains.filter(({ domain }) => page.domain === undefined || domain === page.domain) ?? [];
  const lag = totalLag({ partitions: domains.flatMap(({ partitions }) => partitions) }) ?? 0;
  const broken = domains.filter(({ phase, standstill }) =>
    phase === "failed" || phase === "restarting" || standstill !== null
  );
  const behindMs = dataTime === undefined ? 0 : second + serverNow - dataTime;
  return (
    <div class="state-line">
      {lostAt !== undefined && (
        <p class="problem" role="alert">
          Freshet has not answered for {durationText(second - lostAt)}. Trying again; what you see is from before.
        </p>
      )}
      {broken.map(({ domain, phase, standstill, lastError }) => (
        <p key={domain} class="problem" role="alert">
          {wordsOf(domain)} {phase === "failed"
            ? "has failed"
            : standstill !== null
            ? `stands still for ${durationText(Math.max(0, second + serverNow - standstill.since))}`
            : "is being restarted"}:{" "}
          <bdi>{(phase === "failed" ? lastError ?? "" : standstill?.reason ?? lastError ?? "").slice(0, 300)}</bdi>
        </p>
      ))}
      <p>
        <span
          class={`dot ${paused ? "" : live.state === "live" && broken.length === 0 ? "dot-ok" : "dot-warn"}`}
          aria-hidden="true"
        />
        {paused ? "paused" : live.state === "live" ? "live" : "connecting"}
        {dataTime !== undefined && (
          <>
            <span class="sep">·</span>now is <time>{timeText(dataTime, zone)}</time> {zoneText(zone)}
            <span class="muted">
              , the newest event{behindMs > BEHIND_MS && `, ${durationText(behindMs)} behind the clock`}
            </span>
          </>
        )}
        {status && (
          <>
            <span class="sep">·</span>lag {numberText(lag, "records")}
          </>
        )}
      </p>
    </div>
  );
}

/** Grows with each refresh, and at once when the page is seen again. */
function useTick(everyMs: number, running: boolean): number {
  const [tick, setTick] = useState(0);
  useEffect(() => {
    if (!running || !(everyMs >= 1000)) return;
    setTick((n) => n + 1);
    const timer = setInterval(() => setTick((n) => n + 1), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, running]);
  return tick;
}

applyTheme(storedTheme());
render(<App />, document.getElementById("app")!);
