// One record of a topic: where it is, what it says, its headers and its bytes.
import { useContext } from "preact/hooks";
import type { RecordText } from "../../../protocol.ts";
import { cutText, numberText, timeText, zoneText } from "../../format.ts";
import { LookContext } from "../../look.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { Fact } from "../../parts/fact.tsx";
import { bytesOf, hexDump } from "../../parts/hex_dump.ts";

export interface RecordDialogProps {
  readonly topic: string;
  readonly record: RecordText;
  readonly onClose: () => void;
}

/** Bytes that are shown. */
const DUMPED = 1_024;

export function RecordDialog({ topic, record, onClose }: RecordDialogProps) {
  const { zone } = useContext(LookContext);
  const { partition, offset, timestamp, key, raw, encoding, length, decoded, schema, problem, headers } = record;
  const said = raw === null || problem !== undefined ? null : indented(decoded ?? raw);
  return (
    <Dialog title={`${cutText(topic, 60)} ${partition} ${offset}`} onClose={onClose}>
      <dl class="facts">
        <Fact name={`Time (${zoneText(zone)})`} value={timeText(timestamp, zone)} />
        <Fact name="Key" value={key === null ? "none" : cutText(key, 200)} />
        <Fact name="Length" value={raw === null ? "no value (tombstone)" : numberText(length, "bytes")} />
        {schema !== undefined && <Fact name="Schema" value={String(schema)} />}
      </dl>
      {problem !== undefined && <p class="note wrap">It cannot be read as a record: {problem}</p>}
      {said !== null && <Part title="What it says">{said}</Part>}
      {Object.keys(headers).length > 0 && <Part title="Headers">{JSON.stringify(headers, null, 2)}</Part>}
      {raw !== null && encoding === "utf-8" && <Part title="As it was written">{raw}</Part>}
      {raw !== null && <Part title="Bytes">{hexDump(bytesOf(raw, encoding).subarray(0, DUMPED))}</Part>}
      {record.is_cut && <p class="note">Texts are cut at 20,000 characters.</p>}
    </Dialog>
  );
}

function Part({ title, children }: { readonly title: string; readonly children: string }) {
  return (
    <details open={title !== "Bytes"}>
      <summary>{title}</summary>
      <pre class={title === "Bytes" ? "" : "wrap"} tabIndex={0} aria-label={title}>{children}</pre>
    </details>
  );
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
