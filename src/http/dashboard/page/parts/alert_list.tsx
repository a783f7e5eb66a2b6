// Alerts, active first, as they come. Colour is never the only sign.
import { useContext, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Alert } from "../../../../panels/answers.ts";
import type { Answer } from "../../protocol.ts";
import { clockText, countText, cutText, durationText, momentOf, numberText, wordsOf } from "../format.ts";
import { LookContext } from "../look.ts";
import { Card, Empty, Waiting } from "./card.tsx";
import type { ChartMark } from "./chart_marks.tsx";
import { Link } from "./link.tsx";

export interface AlertListProps {
  readonly answer: Answer<readonly Alert[]> | undefined;
  readonly live: boolean;
  /** Unit of the peak by type of alert. */
  readonly unitOf: (type: string) => string;
  readonly title?: string;
  readonly matches?: (alert: Alert) => boolean;
  /** Path of the page about what an alert is about. */
  readonly linkOf?: (alert: Alert) => string;
  /** When alerts are raised, for the empty state. */
  readonly empty: string;
}

/** The server sends no more. */
const SENT = 200;
/** Until somebody wants to see all. */
const FIRST = 6;

const always = () => true;

/** How many of the alerts are active; `undefined` when more may be than were sent. */
export function activeCount(
  answer: Answer<readonly Alert[]> | undefined,
  matches: (alert: Alert) => boolean = always,
): number | undefined {
  const active = answer?.data.filter(({ status }) => status === "ACTIVE");
  return active === undefined || active.length >= SENT ? undefined : active.filter(matches).length;
}

export function AlertList({ answer, live, unitOf, matches = always, linkOf, empty, title = "Alerts" }: AlertListProps) {
  const [isAll, setIsAll] = useState(false);
  const all = answer?.data.filter(matches) ?? [];
  const active = all.filter(({ status }) => status === "ACTIVE");
  const news = useNews(active, answer !== undefined);
  const isCut = answer !== undefined && answer.data.length >= SENT;
  return (
    <Card
      title={title}
      note={
        <>
          <strong>{isCut && active.length === all.length ? `${active.length} or more` : active.length}</strong> active,
          {" "}
          {all.length - active.length} cleared{isCut && ` of the newest ${SENT}`} · {live ? "as they come" : "not live"}
        </>
      }
    >
      <p class="visually-hidden" role="status">{news}</p>
      {answer === undefined ? <Waiting /> : all.length === 0 ? <Empty>{empty}</Empty> : (
        <>
          <ul class="alerts" aria-label={title}>
            {all.slice(0, isAll ? SENT : FIRST).map((alert) => (
              <AlertItem key={alert.id} alert={alert} unit={unitOf(alert.type)} link={linkOf?.(alert)} />
            ))}
          </ul>
          {all.length > FIRST && (
            <button
              type="button"
              class="quiet"
              aria-expanded={isAll}
              onClick={() => setIsAll(!isAll)}
            >
              {isAll ? "Show fewer" : `Show all ${all.length}`}
            </button>
          )}
        </>
      )}
    </Card>
  );
}

/** What a screen reader is told: alerts that were not there before. */
function useNews(active: readonly Alert[], ready: boolean): string {
  const known = useRef<ReadonlySet<string> | undefined>(undefined);
  const [news, setNews] = useState("");
  const ids = active.map(({ id }) => id).join(" ");
  useEffect(() => {
    if (!ready) return;
    const before = known.current;
    known.current = new Set(active.map(({ id }) => id));
    const fresh = before ? active.filter(({ id }) => !before.has(id)) : [];
    if (fresh.length > 0) {
      setNews(
        `New: ${fresh.slice(0, 3).map(({ type, subject }) => `${wordsOf(type)}, ${cutText(subject, 60)}`).join("; ")}`,
      );
    }
  }, [ids, ready]);
  return news;
}

interface AlertItemProps {
  readonly alert: Alert;
  readonly unit: string;
  readonly link: string | undefined;
}

function AlertItem({ alert, unit, link }: AlertItemProps) {
  const { zone } = useContext(LookContext);
  const isActive = alert.status === "ACTIVE";
  const started = momentOf(alert.started_at);
  // It is cleared a while after its last record: that while is no part of it.
  const ended = momentOf(alert.last_seen_at);
  const subject = <bdi title={cutText(alert.subject, 300)}>{cutText(alert.subject, 60)}</bdi>;
  return (
    <li class={`alert ${isActive ? "alert-active" : ""}`}>
      <span class="alert-mark" aria-hidden="true">{isActive ? "▲" : "✓"}</span>
      <div>
        <p class="alert-title">
          <strong>{wordsOf(alert.type)}</strong> {link === undefined ? subject : <Link to={link}>{subject}</Link>}
          {alert.place !== null && (
            <span class="muted">
              <bdi>{cutText(alert.place, 40)}</bdi>
            </span>
          )}
        </p>
        <p class="muted">
          {numberText(alert.peak_value, unit)}, threshold {numberText(alert.threshold, unit)} ·{" "}
          {countText(alert.event_count, "records")} · {isActive
            ? <>since {clockText(started, zone)}</>
            : ended - started < 1000
            ? <>at {clockText(started, zone)}</>
            : <>{clockText(started, zone)} to {clockText(ended, zone, started)} ({durationText(ended - started)})</>}
        </p>
      </div>
      <span class={`tag ${isActive ? "tag-bad" : ""}`}>{isActive ? "active" : "cleared"}</span>
    </li>
  );
}

/** Alerts as marks on charts. */
export function useAlertMarks(
  answer: Answer<readonly Alert[]> | undefined,
  matches: (alert: Alert) => boolean = always,
): readonly ChartMark[] {
  const alerts = answer?.data;
  const ids = alerts?.filter(matches).map(({ id }) => id).join(" ");
  return useMemo(
    () =>
      (alerts ?? []).filter(matches).map(({ id, type, subject, started_at, last_seen_at }) => ({
        id,
        from: momentOf(started_at),
        to: momentOf(last_seen_at),
        text: `${wordsOf(type)} ${cutText(subject, 40)}`,
      })),
    [alerts, ids],
  );
}
