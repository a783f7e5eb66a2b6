// The dashboard's page: head, navigation, and whichever page the address names.
import { render } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { About } from "../protocol.ts";
import { useAddress } from "./address.ts";
import { AnswerError } from "./answer_error.ts";
import { askPlain, ConnectionContext, useLive } from "./asking.ts";
import { durationText, momentOf, type Zone } from "./format.ts";
import {
  applyTheme,
  LookContext,
  onSystemTheme,
  SecondContext,
  storedTheme,
  storeTheme,
  type Theme,
  useClock,
  usePrinting,
  useSeen,
} from "./look.ts";
import { PageContext } from "./page_context.ts";
import { pageAt, pageNames } from "./pages.tsx";
import { badAddress, NowherePage } from "./pages/nowhere.tsx";
import { LoginPage } from "./pages/login.tsx";
import { Annotated } from "./parts/annotations.tsx";
import { Crumbs } from "./parts/crumbs.tsx";
import { StateLine } from "./parts/state_line.tsx";
import { DEFAULT_REFRESH, Top } from "./parts/top.tsx";
import { tvSeconds, useTv } from "./tv.ts";

/** Seconds between two questions about what the server does not tell by itself, unless another time is chosen. */
const POLL_S = 5;

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
  const isPrinting = usePrinting();
  const [lostAt, setLostAt] = useState<number>();
  const [updatedAt, setUpdatedAt] = useState<number>();
  const wrong = badAddress(params);
  const refresh = params.get("refresh") ?? DEFAULT_REFRESH;
  const paused = refresh === "0";
  const [asked, setAsked] = useState(0);
  const tick = useTick(1000 * (refresh === DEFAULT_REFRESH ? POLL_S : Number(refresh)), seen && !paused) +
    asked;
  const zone: Zone = params.get("tz") === "local" ? "local" : "utc";
  const page = useMemo(() => pageAt(path, about), [path, about]);
  // The tables are to be worked in, not to be looked at.
  useTv(tvSeconds(params), path, pageNames(about).map((one) => one.path).filter((one) => one !== "/explore"));
  const everyS = refresh === DEFAULT_REFRESH ? 0 : Number(refresh);
  const isSeen = seen && page !== undefined && wrong === undefined;
  const live = useLive({ topics: page?.topics ?? [], everyS, isSeen, isPaused: paused });
  useEffect(() => {
    if (live.state === "live") setLostAt(undefined);
  }, [live.state]);
  useEffect(() => onSystemTheme(() => setSystem((n) => n + 1)), []);
  // Before the charts are drawn, which take their colours from it.
  useMemo(() => applyTheme(isPrinting ? "light" : theme), [theme, system, isPrinting]);
  useEffect(() => storeTheme(theme), [theme]);
  const title = page?.title ?? "No such page";
  useEffect(() => {
    document.title = `${title} · Freshet`;
  }, [title]);
  const connection = useMemo(() => ({
    tick,
    again: () => setAsked((n) => n + 1),
    stream: live.stream,
    failures: live.failures,
    report: (outcome: "ok" | "lost" | "locked", askedAt?: string) => {
      if (askedAt !== undefined) setUpdatedAt((before) => Math.max(before ?? 0, momentOf(askedAt)));
      if (outcome === "locked") onLocked();
      else setLostAt((before) => outcome === "ok" ? undefined : before ?? Date.now());
    },
  }), [tick, live.failures]);
  const [dataTime, setDataTime] = useState<number>();
  const serverNow = useMemo(() => momentOf(about.now) - Date.now(), [about]);
  const themed = `${theme} ${system} ${isPrinting}`;
  const look = useMemo(() => ({ zone, themed, serverNow, setDataTime }), [zone, themed, serverNow]);
  const clock = useClock(seen);
  const here = useMemo(() => ({ domain: page?.domain, about }), [page?.domain, about]);
  return (
    <ConnectionContext.Provider value={connection}>
      <LookContext.Provider value={look}>
        <SecondContext.Provider value={clock}>
          <PageContext.Provider value={here}>
            <a class="skip" href="#main">Skip to the page</a>
            <Top about={about} path={path} refresh={refresh} zone={zone} theme={theme} onTheme={setTheme} />
            {page !== undefined && wrong === undefined && (
              <StateLine
                domain={page.domain}
                live={live}
                paused={paused}
                lostAt={lostAt}
                dataTime={dataTime}
                updatedAt={updatedAt}
              />
            )}
            <main id="main" tabIndex={-1}>
              {page?.crumbs ? <Crumbs crumbs={page.crumbs} /> : <h1 class="visually-hidden">{title}</h1>}
              {page === undefined
                ? <NowherePage path={path} names={about.domains.map(({ name }) => name)} />
                : wrong !== undefined
                ? <NowherePage path={path} wrong={wrong} names={[]} />
                : <Annotated>{page.show(live)}</Annotated>}
            </main>
            <footer>
              Freshet {about.version} · log {about.log} · warehouse {about.warehouse.description}
              {!about.warehouse.is_free && (
                <>, asked at most every {durationText(about.fresh_ms)} and only while somebody looks</>
              )}
            </footer>
          </PageContext.Provider>
        </SecondContext.Provider>
      </LookContext.Provider>
    </ConnectionContext.Provider>
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
