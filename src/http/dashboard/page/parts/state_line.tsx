// What now is on this page, when it was asked for, and how well the page is connected: said once, for all of it.
import { useContext } from "preact/hooks";
import { totalLag } from "../../../../engine/status.ts";
import { agoText, countText, durationText, timeText, wordsOf, zoneText } from "../format.ts";
import type { LiveNews } from "../live_stream.ts";
import { LookContext, useSecond } from "../look.ts";

export interface StateLineProps {
  /** Whose state is told; that of all when there is none. */
  readonly domain: string | undefined;
  readonly live: LiveNews;
  readonly paused: boolean;
  readonly lostAt: number | undefined;
  readonly dataTime: number | undefined;
  /** When the newest answer was asked for, by the server's clock. */
  readonly updatedAt: number | undefined;
}

/** Event time that is further behind the clock than this is not a live one. */
const BEHIND_MS = 120_000;

/** Answers that are older are told to be on any screen. */
const FRESH_MS = 60_000;

export function StateLine({ domain: shown, live, paused, lostAt, dataTime, updatedAt }: StateLineProps) {
  const { zone, serverNow } = useContext(LookContext);
  const second = useSecond();
  const now = second + serverNow;
  const status = live.news.status;
  const domains = status?.domains.filter(({ domain }) => shown === undefined || domain === shown) ?? [];
  const lag = domains.reduce((sum, domain) => sum + (totalLag(domain) ?? 0), 0);
  const broken = domains.filter(({ phase, standstill }) =>
    phase === "failed" || phase === "restarting" || standstill !== null
  );
  const behindMs = dataTime === undefined ? 0 : now - dataTime;
  const tone = paused ? "" : live.state === "live" && broken.length === 0 ? "dot-ok" : "dot-warn";
  return (
    <section class="state-line" aria-label="How current the page is">
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
            ? `stands still for ${durationText(Math.max(0, now - standstill.since))}`
            : "is being restarted"}:{" "}
          <bdi>{(phase === "failed" ? lastError ?? "" : standstill?.reason ?? lastError ?? "").slice(0, 300)}</bdi>
        </p>
      ))}
      <p>
        <span class={`dot ${tone}`} aria-hidden="true" />
        {paused ? "paused" : live.state === "live" ? "live" : "connecting"}
        {updatedAt !== undefined && (
          // What is live and fresh is of now: a phone has no room for that.
          <span class={live.state === "live" && now - updatedAt < FRESH_MS ? "minor" : ""}>
            <span class="sep">·</span>updated {agoText(Math.max(0, now - updatedAt))}
          </span>
        )}
        {dataTime !== undefined && (
          <>
            <span class="sep">·</span>
            <span class="minor">now is</span> <time>{timeText(dataTime, zone)}</time> {zoneText(zone)}
            {behindMs > BEHIND_MS && (
              <span class="muted">
                , {durationText(behindMs)} behind <span class="minor">the clock</span>
              </span>
            )}
          </>
        )}
        {status && (
          <span class="minor">
            <span class="sep">·</span>lag {countText(lag, "records")}
          </span>
        )}
      </p>
    </section>
  );
}
