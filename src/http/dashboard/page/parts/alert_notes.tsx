// The dialogs in which alerts are acknowledged and rules muted, and the line that says what is muted.
import { useContext, useState } from "preact/hooks";
import type { ActiveMute, Alert } from "../../../../panels/answers.ts";
import { ConnectionContext, usePipelinePanel } from "../asking.ts";
import { clockText, countText, cutText, momentOf, wordsOf } from "../format.ts";
import { LookContext, useSecond } from "../look.ts";
import { sendNote } from "../notes.ts";
import { NoteDialog } from "./note_dialog.tsx";

export interface Taken {
  readonly by: string;
  readonly note?: string;
  readonly alerts: readonly Alert[];
}

export interface AcknowledgeProps {
  readonly domain: string;
  readonly alerts: readonly Alert[];
  readonly onClose: () => void;
  readonly onTaken: (taken: Taken) => void;
}

export function AcknowledgeDialog({ domain, alerts, onClose, onTaken }: AcknowledgeProps) {
  const [alert] = alerts;
  const what = alerts.length > 1
    ? countText(alerts.length, "alerts")
    : `${wordsOf(alert!.type)} ${cutText(alert!.subject, 60)}`;
  return (
    <NoteDialog
      title={`Acknowledge ${what}`}
      path="acknowledge"
      body={{ domain, alert_ids: alerts.map(({ id }) => id) }}
      action="Acknowledge"
      hasNote
      onClose={onClose}
      onSent={({ by, note }) => onTaken({ by, note, alerts })}
    >
      <p class="muted">Others see that you have taken it up. It stays active until it is over.</p>
    </NoteDialog>
  );
}

const LENGTHS = [[15, "15 min"], [60, "1 hour"], [240, "4 hours"], [1440, "1 day"], [10_080, "7 days"]] as const;

export interface MuteProps {
  readonly domain: string;
  readonly type: string;
  readonly onClose: () => void;
}

export function MuteDialog({ domain, type, onClose }: MuteProps) {
  const [minutes, setMinutes] = useState(60);
  return (
    <NoteDialog
      title={`Mute ${wordsOf(type)}`}
      path="mute"
      body={{ domain, type, minutes }}
      action="Mute"
      hasNote
      onClose={onClose}
    >
      <p class="muted">
        Nobody outside is told of its alerts meanwhile; here they are shown. What is still active then is sent.
      </p>
      <label class="field">
        <span>For</span>
        <select value={String(minutes)} onChange={({ currentTarget: { value } }) => setMinutes(Number(value))}>
          {LENGTHS.map(([value, name]) => <option key={value} value={String(value)}>{name}</option>)}
        </select>
      </label>
    </NoteDialog>
  );
}

/** The mutes of a domain that last still. */
export function useMutes(domain: string | undefined): readonly ActiveMute[] {
  const { serverNow } = useContext(LookContext);
  const mutes = usePipelinePanel(domain === undefined ? undefined : "mutes");
  const now = useSecond() + serverNow;
  return (mutes.answer?.data ?? []).filter((mute) => mute.domain === domain && momentOf(mute.ends_at) > now);
}

export interface MutedLinesProps {
  readonly mutes: readonly ActiveMute[];
  readonly canEnd: boolean;
}

export function MutedLines({ mutes, canEnd }: MutedLinesProps) {
  const { zone, serverNow } = useContext(LookContext);
  const { again } = useContext(ConnectionContext);
  const [problem, setProblem] = useState("");
  const end = ({ domain, type }: ActiveMute) =>
    sendNote("unmute", { domain, type }).then(() => {
      setProblem("");
      again();
    }, (error: Error) => setProblem(error.message));
  return (
    <>
      {mutes.map((mute) => (
        <p key={mute.type} class="muted-rule">
          <span>
            <strong>{wordsOf(mute.type)}</strong> is muted until{" "}
            {clockText(momentOf(mute.ends_at), zone, Date.now() + serverNow)} by <bdi>{cutText(mute.by, 60)}</bdi>
            {mute.note !== null && (
              <>
                : <bdi>{cutText(mute.note, 200)}</bdi>
              </>
            )}
          </span>
          {canEnd && (
            <button
              type="button"
              class="small"
              aria-label={`End the mute of ${wordsOf(mute.type)}`}
              onClick={() => end(mute)}
            >
              End
            </button>
          )}
        </p>
      ))}
      {problem && <p class="problem" role="alert">{problem}</p>}
    </>
  );
}
