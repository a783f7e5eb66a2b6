// A dialog in which somebody notes something: who, what of it, and a button that sends it.
import type { ComponentChildren } from "preact";
import { useContext, useState } from "preact/hooks";
import { ConnectionContext } from "../asking.ts";
import { type NotePath, sendNote, storedName, storeName } from "../notes.ts";
import { Dialog } from "./dialog.tsx";

/** What is sent beside the name and the note; `undefined` when something is missing still. */
export type NoteBody = Readonly<Record<string, unknown>>;

export interface NoteDialogProps {
  readonly title: string;
  readonly path: NotePath;
  readonly body: NoteBody | undefined;
  /** What the button says. */
  readonly action: string;
  /** Whether there is a field for a note. */
  readonly hasNote?: boolean;
  readonly onClose: () => void;
  /** Called with what was sent. */
  readonly onSent?: (body: NoteBody & { readonly by: string; readonly note?: string }) => void;
  /** Fields before the name, and what is below the form. */
  readonly children?: ComponentChildren;
  readonly below?: ComponentChildren;
}

export function NoteDialog(props: NoteDialogProps) {
  const { title, path, body, action, hasNote = false, onClose, onSent, children, below } = props;
  const { again } = useContext(ConnectionContext);
  const [by, setBy] = useState(storedName);
  const [note, setNote] = useState("");
  const [problem, setProblem] = useState("");
  const [isSending, setIsSending] = useState(false);
  const send = async (event: Event) => {
    event.preventDefault();
    if (body === undefined) return;
    setIsSending(true);
    const whole = { ...body, by: by.trim(), ...hasNote ? { note: note.trim() } : {} };
    try {
      await sendNote(path, whole);
      storeName(whole.by);
      onSent?.(whole);
      again();
      onClose();
    } catch (error) {
      setProblem((error as Error).message);
      setIsSending(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form class="note-form" onSubmit={send}>
        {children}
        <label class="field">
          <span>Your name</span>
          <input
            type="text"
            required
            maxLength={100}
            autocomplete="name"
            value={by}
            onInput={({ currentTarget: { value } }) => setBy(value)}
          />
        </label>
        {hasNote && (
          <label class="field field-wide">
            <span>Note (may be empty)</span>
            <textarea
              rows={2}
              maxLength={1000}
              value={note}
              onInput={({ currentTarget: { value } }) => setNote(value)}
            />
          </label>
        )}
        {problem && <p class="problem" role="alert">{problem}</p>}
        <button type="submit" class="primary" disabled={isSending || body === undefined || by.trim() === ""}>
          {action}
        </button>
      </form>
      {below}
    </Dialog>
  );
}
