// Alerts, active first, as they come. Colour is never the only sign.
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import type { Alert } from "../../../../panels/answers.ts";
import type { Answer } from "../../protocol.ts";
import { clockText, cutText, durationText, momentOf, numberText, wordsOf } from "../format.ts";
import { LookContext } from "../look.ts";
import { Card, Empty, Waiting } from "./card.tsx";

export interface AlertListProps {
  readonly answer: Answer<readonly Alert[]> | undefined;
  readonly live: boolean;
  /** Unit of the peak by type of alert. */
  readonly unitOf: (type: string) => string;
  readonly title?: string;
  readonly matches?: (alert: Alert) => boolean;
  /** When alerts are raised, for the empty state. */
  readonly empty: string;
}

const SHOWN = 50;

export function AlertList({ answer, live, unitOf, matches, empty, title = "Alerts" }: AlertListProps) {
  const all = answer?.data.filter(matches ?? (() => true)) ?? [];
  const active = all.filter(({ status }) => status === "ACTIVE");
  const news = useNews(active, answer !== undefined);
  return (
    <Card
      title={title}
      note={
        <>
          <strong>{active.length}</strong> active, {all.length - active.length} cleared{" "}
          {answer && answer.data.length >= 200 ? "of the newest 200 " : ""}· {live ? "as they come" : "not live"}
        </>
      }
    >
      <p class="visually-hidden" role="status">{news}</p>
      {answer === undefined
        ? <Waiting />
        : all.length === 0
        ? <Empty>{empty}</Empty>
        : (
          <ul class="alerts" aria-label="Alerts" tabIndex={0}>
            {all.slice(0, SHOWN).map((alert) => <AlertItem key={alert.id} alert={alert} unit={unitOf(alert.type)} />)}
          </ul>
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

function AlertItem({ alert, unit }: { readonly alert: Alert; readonly unit: string }) {
  const { zone } = useContext(LookContext);
  const isActive = alert.status === "ACTIVE";
  const started = momentOf(alert.started_at);
  const ended = momentOf(alert.cleared_at ?? alert.last_seen_at);
  return (
    <li class={`alert ${isActive ? "alert-active" : ""}`}>
      <span class="alert-mark" aria-hidden="true">{isActive ? "▲" : "✓"}</span>
      <div>
        <p class="alert-title">
          <strong>{wordsOf(alert.type)}</strong>{" "}
          <bdi title={cutText(alert.subject, 300)}>{cutText(alert.subject, 60)}</bdi>
          {alert.place !== null && (
            <span class="muted">
              <bdi>{cutText(alert.place, 40)}</bdi>
            </span>
          )}
        </p>
        <p class="muted">
          {numberText(alert.peak_value, unit)}, threshold {numberText(alert.threshold, unit)} ·{" "}
          {numberText(alert.event_count)} {alert.event_count === 1 ? "record" : "records"} · {isActive
            ? <>since {clockText(started, zone)}</>
            : <>{clockText(started, zone)} to {clockText(ended, zone, started)} ({durationText(ended - started)})</>}
        </p>
      </div>
      <span class={`tag ${isActive ? "tag-bad" : ""}`}>{isActive ? "active" : "cleared"}</span>
    </li>
  );
}
