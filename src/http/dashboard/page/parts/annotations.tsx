// What people have noted on the charts (a deployment, an incident): drawn on all charts over time, written and taken away in a
// dialog.
import { type ComponentChildren, createContext } from "preact";
import { useContext, useMemo, useState } from "preact/hooks";
import type { Annotation } from "../../../../panels/answers.ts";
import { ConnectionContext, usePipelinePanel } from "../asking.ts";
import { cutText, fieldMoment, fieldText, momentOf, timeText, wordsOf, zoneText } from "../format.ts";
import { crosshair } from "../hand.ts";
import { LookContext } from "../look.ts";
import { sendNote } from "../notes.ts";
import { PageContext } from "../page_context.ts";
import { NoteDialog } from "./note_dialog.tsx";

/** One on a chart. Epoch milliseconds. */
export interface ChartNote {
  readonly id: string;
  readonly kind: Annotation["kind"];
  readonly from: number;
  /** `undefined` for a moment. */
  readonly to: number | undefined;
  readonly text: string;
  readonly by: string;
  readonly isOfAll: boolean;
}

/** Those of the page's domain, and of all. */
export const AnnotationsContext = createContext<readonly ChartNote[]>([]);

export function Annotated({ children }: { readonly children: ComponentChildren }) {
  const { domain } = useContext(PageContext);
  const annotations = usePipelinePanel("annotations").answer?.data;
  const notes = useMemo(
    () =>
      (annotations ?? []).filter((one) => one.domain === null || one.domain === domain).map((one): ChartNote => ({
        id: one.id,
        kind: one.kind,
        from: momentOf(one.starts_at),
        to: one.ends_at === null ? undefined : momentOf(one.ends_at),
        text: one.text,
        by: one.by,
        isOfAll: one.domain === null,
      })).toSorted((a, b) => a.from - b.from),
    [annotations, domain],
  );
  return <AnnotationsContext.Provider value={notes}>{children}</AnnotationsContext.Provider>;
}

export interface NoteLinesProps {
  readonly notes: readonly ChartNote[];
  /** Where a moment is in the chart, as a share of its width. */
  readonly placeOf: (at: number) => number;
}

/** Nearer to the one before, a text would be over its text. Share of the width. */
const ROOM = 0.14;

/** Lines as high as the chart, with bands for what lasted. */
export function NoteLines({ notes, placeOf }: NoteLinesProps) {
  let last = -Infinity;
  return (
    <div class="notes" aria-hidden="true">
      {notes.map(({ id, kind, from, to, text }) => {
        const left = placeOf(from);
        const right = to === undefined ? left : placeOf(to);
        if (!Number.isFinite(left) || !Number.isFinite(right)) return null;
        const hasText = left - last >= ROOM;
        if (hasText) last = left;
        const style = { left: `${100 * left}%`, width: `${100 * (right - left)}%` };
        return (
          <span key={id} class={`chart-note chart-note-${kind}`} style={style}>
            <span class={left > 0.8 ? "at-left" : ""}>⚑{hasText && ` ${cutText(text, 24)}`}</span>
          </span>
        );
      })}
    </div>
  );
}

export interface TimeNotesProps {
  /** What the width stands for, epoch milliseconds. */
  readonly from: number;
  readonly to: number;
}

/** The annotations over a picture that is no chart, such as strips: it lies over what it is in. */
export function TimeNotes({ from, to }: TimeNotesProps) {
  const notes = useContext(AnnotationsContext);
  const shown = notes.filter((note) => note.from < to && (note.to ?? note.from) >= from);
  const placeOf = (at: number) => Math.min(1, Math.max(0, (at - from) / Math.max(1, to - from)));
  return <NoteLines notes={shown} placeOf={placeOf} />;
}

/** An annotation in words. */
export const noteText = ({ kind, text, by }: ChartNote) => `⚑ ${kind}: ${cutText(text, 80)} (${cutText(by, 30)})`;

/** The button that opens the dialog, for those who may write. */
export function AnnotateButton() {
  const [isOpen, setIsOpen] = useState(false);
  const { about } = useContext(PageContext);
  if (!about?.may_all) return null;
  return (
    <>
      <button type="button" class="quiet" onClick={() => setIsOpen(true)}>⚑ Annotations</button>
      {isOpen && <WriteDialog onClose={() => setIsOpen(false)} />}
    </>
  );
}

const KINDS = ["deployment", "incident", "note"] as const;

function WriteDialog({ onClose }: { readonly onClose: () => void }) {
  const { domain = null } = useContext(PageContext);
  const { zone, serverNow } = useContext(LookContext);
  const [kind, setKind] = useState<Annotation["kind"]>("deployment");
  const [text, setText] = useState("");
  const [from, setFrom] = useState(() => fieldText(crosshair.value ?? Date.now() + serverNow, zone));
  const [to, setTo] = useState("");
  const [isOfAll, setIsOfAll] = useState(true);
  const [start, end] = [fieldMoment(from, zone), to === "" ? null : fieldMoment(to, zone)];
  const isWhole = text.trim() !== "" && Number.isFinite(start) && (end === null || end > start);
  const body = {
    ...{ domain: isOfAll ? null : domain, kind, text },
    starts_at: isWhole ? new Date(start).toISOString() : "",
    ends_at: isWhole && end !== null ? new Date(end).toISOString() : null,
  };
  return (
    <NoteDialog
      title="Annotations"
      path="annotate"
      body={isWhole ? body : undefined}
      action="Add"
      onClose={onClose}
      below={<Written />}
    >
      <label class="field">
        <span>Kind</span>
        <select
          value={kind}
          onChange={({ currentTarget: { value } }) => setKind(KINDS.find((one) => one === value)!)}
        >
          {KINDS.map((one) => <option key={one} value={one}>{one}</option>)}
        </select>
      </label>
      <label class="field field-wide">
        <span>Text</span>
        <input
          type="text"
          class="field-wide"
          required
          maxLength={300}
          placeholder="such as: version 2.3"
          value={text}
          onInput={({ currentTarget: { value } }) => setText(value)}
        />
      </label>
      <label class="field">
        <span>When ({zoneText(zone)})</span>
        <input
          type="datetime-local"
          required
          value={from}
          onInput={({ currentTarget: { value } }) => setFrom(value)}
        />
      </label>
      <label class="field">
        <span>Until ({zoneText(zone)}; empty for a moment)</span>
        <input type="datetime-local" value={to} onInput={({ currentTarget: { value } }) => setTo(value)} />
      </label>
      {domain !== null && (
        <label class="field">
          <span>On</span>
          <select
            value={isOfAll ? "all" : "one"}
            onChange={({ currentTarget: { value } }) => setIsOfAll(value === "all")}
          >
            <option value="all">the charts of all domains</option>
            <option value="one">the charts of {domain}</option>
          </select>
        </label>
      )}
    </NoteDialog>
  );
}

/** Those that there are, the newest first, each with a button that takes it away. */
function Written() {
  const notes = useContext(AnnotationsContext);
  const { zone } = useContext(LookContext);
  const { again } = useContext(ConnectionContext);
  const [problem, setProblem] = useState("");
  const remove = (id: string) =>
    sendNote("remove-annotation", { id }).then(() => {
      setProblem("");
      again();
    }, (error: Error) => setProblem(error.message));
  if (notes.length === 0) return <p class="muted">Nothing is annotated on these charts.</p>;
  return (
    <>
      {problem && <p class="problem" role="alert">{problem}</p>}
      <ul class="written" aria-label="What is annotated">
        {notes.toReversed().map(({ id, kind, from, to, text, by, isOfAll }) => (
          <li key={id}>
            <span>
              <span class="tag">{wordsOf(kind)}</span> <bdi>{cutText(text, 200)}</bdi>{" "}
              <span class="muted">
                {timeText(from, zone)}
                {to !== undefined && ` to ${timeText(to, zone)}`} {zoneText(zone)}, by <bdi>{cutText(by, 60)}</bdi>
                {isOfAll ? ", on all charts" : ""}
              </span>
            </span>
            <button
              type="button"
              class="small"
              aria-label={`Remove: ${cutText(text, 60)}`}
              onClick={() => remove(id)}
            >
              Remove
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
