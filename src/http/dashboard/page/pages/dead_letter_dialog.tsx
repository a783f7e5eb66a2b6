// One dead letter: why it could not be used, its bytes, and the way back into its topic, as it was or as somebody mended it.
import { useState } from "preact/hooks";
import { AnswerError } from "../answer_error.ts";
import { post } from "../asking.ts";
import { cutText, numberText } from "../format.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Fact } from "../parts/fact.tsx";
import { bytesOf, hexDump } from "../parts/hex_dump.ts";
import type { DeadLetter } from "./dead_letters.tsx";

export interface DeadLetterDialogProps {
  readonly letter: DeadLetter;
  readonly mayRepublish: boolean;
  readonly onClose: () => void;
}

/** In code points, as the warehouse counts. */
const lengthOf = (text: string): number => [...text].length;

export function DeadLetterDialog({ letter, mayRepublish, onClose }: DeadLetterDialogProps) {
  const { stage, reason, detail, topic, partition, offset, key, value, encoding, length } = letter;
  const bytes = value === null ? new Uint8Array() : bytesOf(value, encoding);
  const isText = value !== null && encoding !== "base64";
  const isWhole = value !== null && length <= lengthOf(value);
  return (
    <Dialog title={`Dead letter: ${cutText(topic, 60)} ${partition} ${offset}`} onClose={onClose}>
      <dl class="facts">
        <Fact name="Stage and reason" value={`${stage}: ${reason}`} />
        <Fact name="Key" value={key === null ? "none" : cutText(key, 200)} />
        <Fact
          name="Length"
          value={value === null
            ? "no value (tombstone)"
            : numberText(length, encoding === "base64" ? "characters of base64" : "characters")}
        />
      </dl>
      {detail !== null && (
        <p class="wrap">
          <bdi>{detail}</bdi>
        </p>
      )}
      {bytes.length > 0 && <pre tabIndex={0} aria-label="Bytes of the record">{hexDump(bytes.subarray(0, 512))}</pre>}
      {isText && <pre class="wrap" tabIndex={0} aria-label="Text of the record">{value}</pre>}
      {value !== null && !isWhole && (
        <p class="note">
          Cut at {numberText(lengthOf(value))}{" "}
          characters. The whole record is in DEAD_LETTERS, and in the topic of dead letters of {topic}.
        </p>
      )}
      {mayRepublish
        ? <Republish letter={letter} canEdit={isText && isWhole} />
        : <p class="note">Who has FRESHET_API_TOKEN can send it again from here.</p>}
    </Dialog>
  );
}

type Sent =
  | { readonly kind: "sending" }
  | { readonly kind: "sent"; readonly partition: number; readonly offset: number }
  | { readonly kind: "failed"; readonly text: string };

/** Sends it once; after an edit, or a failure, once more. */
function Republish({ letter, canEdit }: { readonly letter: DeadLetter; readonly canEdit: boolean }) {
  const { topic, partition, offset } = letter;
  const [text, setText] = useState(letter.value ?? "");
  const [sent, setSent] = useState<Sent>();
  const isEdited = canEdit && text !== letter.value;
  const send = async () => {
    setSent({ kind: "sending" });
    const body = { topic, partition, offset, ...isEdited ? { value: text } : {} };
    try {
      const place = await post<{ partition: number; offset: number }>("/api/dead-letters/republish", body);
      setSent({ kind: "sent", ...place });
    } catch (error) {
      setSent({ kind: "failed", text: error instanceof AnswerError ? error.message : "Freshet does not answer" });
    }
  };
  return (
    <form
      class="republish"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {canEdit && (
        <label class="field">
          <span>The record, to be mended before it is sent again</span>
          <textarea
            class="mono"
            rows={6}
            spellcheck={false}
            value={text}
            onInput={(event) => {
              setText(event.currentTarget.value);
              setSent(undefined);
            }}
          />
        </label>
      )}
      <p class="note">
        It goes to {cutText(topic, 60)} as a new record, with its key and headers. The dead letter stays as it is.
        {isEdited && notJson(text)}
      </p>
      <div class="tools">
        {isEdited && <button type="button" class="quiet" onClick={() => setText(letter.value ?? "")}>As it was</button>}
        <button
          type="submit"
          class="main-action"
          disabled={sent?.kind === "sending" || sent?.kind === "sent"}
        >
          {isEdited ? "Send the mended record" : "Send it again"}
        </button>
      </div>
      <p role="status">
        {sent?.kind === "sent" && `Sent: it is at partition ${sent.partition}, offset ${sent.offset} now.`}
      </p>
      {sent?.kind === "failed" && <p class="problem" role="alert">{sent.text}</p>}
    </form>
  );
}

/** A hint, no more: topics may hold other things than JSON. */
function notJson(text: string): string {
  try {
    JSON.parse(text);
    return "";
  } catch {
    return " It is not JSON as it is now.";
  }
}
