// Alerts, active first, as they come; what somebody does with them.
import { useContext, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Alert } from "../../../../panels/answers.ts";
import type { Answer } from "../../protocol.ts";
import { setParams, useAddress } from "../address.ts";
import { countText, cutText, momentOf, wordsOf } from "../format.ts";
import { LookContext } from "../look.ts";
import { PageContext } from "../page_context.ts";
import { type AlertFilter, groupsOf, isShown, toneOf } from "./alert_groups.ts";
import { AlertRow } from "./alert_item.tsx";
import { AcknowledgeDialog, MuteDialog, MutedLines, type Taken, useMutes } from "./alert_notes.tsx";
import { Card, Empty, Waiting } from "./card.tsx";
import type { ChartMark } from "./chart_marks.tsx";
import type { KpiProps } from "./kpi.tsx";
import { useSeverityOf } from "./severity.ts";

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
export const SENT = 200;
/** Until somebody wants to see all. */
const FIRST = 6;

const always = () => true;

/** The active ones of the page's alerts. */
export interface ActiveAlerts {
  /** `undefined` when more may be than were sent. */
  readonly count: number | undefined;
  /** How a number of them is to be shown. */
  readonly toneOf: (count: number) => KpiProps["tone"];
}

export function useActiveAlerts(
  answer: Answer<readonly Alert[]> | undefined,
  matches: (alert: Alert) => boolean = always,
): ActiveAlerts {
  const severityOf = useSeverityOf();
  const sent = answer?.data.filter(({ status }) => status === "ACTIVE");
  const active = sent?.filter(matches) ?? [];
  return {
    count: sent === undefined || sent.length >= SENT ? undefined : active.length,
    toneOf: (count) => toneOf(count, active.map(({ type }) => severityOf(type))),
  };
}

export function AlertList({ answer, live, unitOf, matches = always, linkOf, empty, title = "Alerts" }: AlertListProps) {
  const { domain = "", about } = useContext(PageContext);
  const { params } = useAddress();
  const [isAll, setIsAll] = useState(false);
  const [dialog, setDialog] = useState<AlertDialog>();
  const [isTaken, take] = useTaken();
  const mutes = useMutes(domain);
  const canWrite = about?.may_all ?? false;
  const severityOf = useSeverityOf();
  const filter = filterOf(params);
  const all = (answer?.data.filter(matches) ?? []).map(isTaken);
  const shown = all.filter((alert) => isShown(filter, alert, severityOf));
  const active = all.filter(({ status }) => status === "ACTIVE");
  const groups = groupsOf(shown, severityOf);
  const news = useNews(active, answer !== undefined);
  const isCut = answer !== undefined && answer.data.length >= SENT;
  const actions = canWrite
    ? {
      acknowledge: (alerts: readonly Alert[]) => setDialog({ kind: "acknowledge", alerts }),
      mute: (type: string) => setDialog({ kind: "mute", type }),
    }
    : undefined;
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
      {all.length > 0 && <AlertFilters filter={filter} />}
      <MutedLines mutes={mutes} canEnd={canWrite} />
      {answer === undefined
        ? <Waiting />
        : all.length === 0
        ? <Empty>{empty}</Empty>
        : groups.length === 0
        ? <Empty>None of {countText(all.length, "alerts")} is like that: choose another filter.</Empty>
        : (
          <>
            <ul class="alerts" aria-label={title}>
              {groups.slice(0, isAll ? SENT : FIRST).map((group) => (
                <AlertRow
                  {...{ group, unitOf, linkOf, actions }}
                  key={group.key}
                  isMuted={mutes.some(({ type }) => type === group.type)}
                />
              ))}
            </ul>
            {groups.length > FIRST && (
              <button
                type="button"
                class="quiet"
                aria-expanded={isAll}
                onClick={() => setIsAll(!isAll)}
              >
                {isAll ? "Show fewer" : `Show all ${groups.length}`}
              </button>
            )}
          </>
        )}
      {dialog?.kind === "acknowledge" && (
        <AcknowledgeDialog
          domain={domain}
          alerts={dialog.alerts}
          onTaken={take}
          onClose={() => setDialog(undefined)}
        />
      )}
      {dialog?.kind === "mute" && (
        <MuteDialog
          domain={domain}
          type={dialog.type}
          onClose={() => setDialog(undefined)}
        />
      )}
    </Card>
  );
}

type AlertDialog =
  | { readonly kind: "acknowledge"; readonly alerts: readonly Alert[] }
  | { readonly kind: "mute"; readonly type: string };

const STATES = [["", "All"], ["active", "Active"], ["open", "Not acknowledged"], ["cleared", "Cleared"]] as const;
const SEVERITIES = [["", "Any severity"], ["critical", "Critical"], ["warning", "Warning"], ["info", "Info"]] as const;

function filterOf(params: URLSearchParams): AlertFilter {
  const one = <T extends string>(choices: readonly (readonly [T, string])[], name: string): T =>
    (choices.find(([value]) => value === params.get(name)) ?? choices[0]!)[0];
  return { state: one(STATES, "alerts"), severity: one(SEVERITIES, "severity") };
}

function AlertFilters({ filter }: { readonly filter: AlertFilter }) {
  return (
    <div class="alert-filters">
      <select
        aria-label="Which alerts"
        value={filter.state}
        onChange={({ currentTarget: { value } }) => setParams({ alerts: value })}
      >
        {STATES.map(([value, name]) => <option key={value} value={value}>{name}</option>)}
      </select>
      <select
        aria-label="Severity"
        value={filter.severity}
        onChange={({ currentTarget: { value } }) => setParams({ severity: value })}
      >
        {SEVERITIES.map(([value, name]) => <option key={value} value={value}>{name}</option>)}
      </select>
    </div>
  );
}

/** What this page has acknowledged is shown as that before the server says so. */
function useTaken(): readonly [(alert: Alert) => Alert, (taken: Taken) => void] {
  const [all, setAll] = useState<ReadonlyMap<string, NonNullable<Alert["acknowledged"]>>>(new Map());
  const { serverNow } = useContext(LookContext);
  const isTaken = (alert: Alert): Alert => {
    const acknowledged = alert.acknowledged ?? all.get(alert.id);
    return acknowledged ? { ...alert, acknowledged } : alert;
  };
  const take = ({ by, note, alerts }: Taken) => {
    const at = new Date(Date.now() + serverNow).toISOString();
    setAll(new Map([...all, ...alerts.map(({ id }) => [id, { by, note: note || null, at }] as const)]));
  };
  return [isTaken, take];
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

/** Alerts as marks on charts. */
export function useAlertMarks(
  answer: Answer<readonly Alert[]> | undefined,
  matches: (alert: Alert) => boolean = always,
): readonly ChartMark[] {
  const alerts = answer?.data;
  const severityOf = useSeverityOf();
  const ids = alerts?.filter(matches).map(({ id }) => id).join(" ");
  return useMemo(
    () =>
      (alerts ?? []).filter(matches).map(({ id, type, subject, started_at, last_seen_at }) => ({
        id,
        from: momentOf(started_at),
        to: momentOf(last_seen_at),
        text: `${wordsOf(type)} ${cutText(subject, 40)}`,
        severity: severityOf(type),
      })),
    [alerts, ids],
  );
}
