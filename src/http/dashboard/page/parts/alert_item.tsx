// One alert, or many of a kind as one row that opens. Colour is never the only sign.
import type { ComponentChildren } from "preact";
import { useContext, useId, useState } from "preact/hooks";
import type { Alert } from "../../../../panels/answers.ts";
import { clockText, countText, cutText, durationText, momentOf, numberText, wordsOf } from "../format.ts";
import { LookContext } from "../look.ts";
import type { AlertGroup, Severity } from "./alert_groups.ts";
import { Link } from "./link.tsx";

export interface AlertRowProps {
  readonly group: AlertGroup;
  /** Unit of the peak by type of alert. */
  readonly unitOf: (type: string) => string;
  /** Path of the page about what an alert is about. */
  readonly linkOf: ((alert: Alert) => string) | undefined;
  readonly isMuted: boolean;
  /** What can be done with it; left out where nothing can. */
  readonly actions?: AlertActions;
}

export interface AlertActions {
  readonly acknowledge: (alerts: readonly Alert[]) => void;
  readonly mute: (type: string) => void;
}

export function AlertRow({ group, ...props }: AlertRowProps) {
  const [alert] = group.alerts;
  return group.alerts.length === 1
    ? <AlertItem {...props} alert={alert!} severity={group.severity} />
    : <GroupRow {...props} group={group} />;
}

const NAMED = 4;

function GroupRow({ group, ...props }: AlertRowProps) {
  const { zone, serverNow } = useContext(LookContext);
  const [isOpen, setIsOpen] = useState(false);
  const list = useId();
  const { type, place, severity, alerts, active, open } = group;
  const subjects = [...new Set((active.length > 0 ? active : alerts).map(({ subject }) => subject))];
  const first = Math.min(...(active.length > 0 ? active : alerts).map(({ started_at }) => momentOf(started_at)));
  const title = `${wordsOf(type)}${place === null ? "" : `, ${cutText(place, 40)}`}`;
  return (
    <li class={`alert ${active.length > 0 ? `alert-active alert-${severity}` : ""}`}>
      <Mark isActive={active.length > 0} />
      <div>
        <p class="alert-title">
          <button
            type="button"
            class="link"
            aria-expanded={isOpen}
            aria-controls={list}
            aria-label={`${title}: ${countText(alerts.length, "alerts")}`}
            onClick={() => setIsOpen(!isOpen)}
          >
            <span aria-hidden="true">{isOpen ? "▾" : "▸"}</span> <strong>{wordsOf(type)}</strong>
          </button>
          {place !== null && <Place>{place}</Place>}
          <Severity severity={severity} />
        </p>
        <p class="muted">
          {active.length > 0 && <>{active.length} active, {active.length - open.length} acknowledged ·{" "}</>}
          {alerts.length - active.length} cleared ·{" "}
          <bdi>{subjects.slice(0, NAMED).map((s) => cutText(s, 40)).join(", ")}</bdi>
          {subjects.length > NAMED && ` and ${subjects.length - NAMED} more`} · since{" "}
          <time>{clockText(first, zone, Date.now() + serverNow)}</time>
        </p>
        <Buttons {...props} canMute={!props.isMuted} type={type} open={open} label={title} />
      </div>
      <Tags severity={severity} isActive={active.length > 0} isMuted={props.isMuted} count={alerts.length} />
      <ul class="alerts" id={list} aria-label={title} hidden={!isOpen}>
        {isOpen &&
          alerts.map((alert) => <AlertItem {...props} key={alert.id} alert={alert} severity={severity} inGroup />)}
      </ul>
    </li>
  );
}

interface AlertItemProps extends Omit<AlertRowProps, "group"> {
  readonly alert: Alert;
  readonly severity: Severity;
  readonly inGroup?: boolean;
}

function AlertItem({ alert, severity, inGroup = false, unitOf, linkOf, ...props }: AlertItemProps) {
  const { zone, serverNow } = useContext(LookContext);
  const { type, acknowledged, place } = alert;
  const isActive = alert.status === "ACTIVE";
  const link = linkOf?.(alert);
  const subject = <bdi title={cutText(alert.subject, 300)}>{cutText(alert.subject, 60)}</bdi>;
  return (
    <li class={`alert ${isActive ? `alert-active alert-${severity}` : ""}`}>
      <Mark isActive={isActive} />
      <div>
        <p class="alert-title">
          {!inGroup && <strong>{wordsOf(type)}</strong>}{" "}
          {link === undefined ? subject : <Link to={link}>{subject}</Link>}
          {!inGroup && place !== null && <Place>{place}</Place>}
          {!inGroup && <Severity severity={severity} />}
        </p>
        <p class="muted">
          <Facts alert={alert} unit={unitOf(type)} />
        </p>
        {acknowledged !== null && (
          <p class="muted acknowledged">
            Acknowledged by <bdi>{cutText(acknowledged.by, 60)}</bdi>,{" "}
            {clockText(momentOf(acknowledged.at), zone, Date.now() + serverNow)}
            {acknowledged.note !== null && (
              <>
                : <bdi>{cutText(acknowledged.note, 300)}</bdi>
              </>
            )}
          </p>
        )}
        <Buttons
          {...props}
          canMute={isActive && !inGroup && !props.isMuted}
          type={type}
          open={isActive && acknowledged === null ? [alert] : []}
          label={`${wordsOf(type)} ${cutText(alert.subject, 60)}`}
        />
      </div>
      <Tags severity={severity} isActive={isActive} isMuted={props.isMuted && !inGroup} />
    </li>
  );
}

function Facts({ alert, unit }: { readonly alert: Alert; readonly unit: string }) {
  const { zone, serverNow } = useContext(LookContext);
  const started = momentOf(alert.started_at);
  // It is cleared a while after its last record: that while is no part of it.
  const ended = momentOf(alert.last_seen_at);
  // With its date where that is not today's.
  const start = clockText(started, zone, Date.now() + serverNow);
  return (
    <>
      {numberText(alert.peak_value, unit)}, threshold {numberText(alert.threshold, unit)} ·{" "}
      {countText(alert.event_count, "records")} · {alert.status === "ACTIVE"
        ? (
          <>
            since <time>{start}</time>
          </>
        )
        : ended - started < 1000
        ? (
          <>
            at <time>{start}</time>
          </>
        )
        : (
          <>
            <time>{start}</time> to {clockText(ended, zone, started)} ({durationText(ended - started)})
          </>
        )}
    </>
  );
}

interface TagsProps {
  readonly severity: Severity;
  readonly isActive: boolean;
  readonly isMuted: boolean;
  /** Of a group. */
  readonly count?: number;
}

function Tags({ severity, isActive, isMuted, count }: TagsProps) {
  return (
    <span class="alert-tags">
      {isMuted && <span class="tag tag-warn">muted</span>}
      <span class={`tag ${isActive ? SEVERITY_TAGS[severity] : ""}`}>
        {count !== undefined ? `${count} alerts` : isActive ? "active" : "cleared"}
      </span>
    </span>
  );
}

interface ButtonsProps {
  readonly canMute: boolean;
  readonly type: string;
  /** What can be acknowledged. */
  readonly open: readonly Alert[];
  readonly label: string;
  readonly actions?: AlertActions;
}

function Buttons({ canMute, type, open, label, actions }: ButtonsProps) {
  if (!actions || (open.length === 0 && !canMute)) return null;
  return (
    <p class="alert-buttons">
      {open.length > 0 && (
        <button
          type="button"
          class="small"
          aria-label={`${acknowledgeText(open)}: ${label}`}
          onClick={() => actions.acknowledge(open)}
        >
          {acknowledgeText(open)}
        </button>
      )}
      {canMute && (
        <button type="button" class="small" aria-label={`Mute: ${label}`} onClick={() => actions.mute(type)}>
          Mute
        </button>
      )}
    </p>
  );
}

const acknowledgeText = (open: readonly Alert[]): string =>
  open.length > 1 ? `Acknowledge ${open.length}` : "Acknowledge";

const Mark = ({ isActive }: { readonly isActive: boolean }) => (
  <span class="alert-mark" aria-hidden="true">{isActive ? "▲" : "✓"}</span>
);

const Place = ({ children }: { readonly children: string }) => (
  <span class="muted">
    <bdi>{cutText(children, 40)}</bdi>
  </span>
);

const SEVERITY_TAGS = { critical: "tag-bad", warning: "tag-warn", info: "" };

const Severity = ({ severity }: { readonly severity: Severity }): ComponentChildren => (
  <span class={`tag ${SEVERITY_TAGS[severity]}`}>{severity}</span>
);
