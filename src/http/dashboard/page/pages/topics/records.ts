// Records of a topic, asked for as lines that come: those that are there, then those that are written while somebody looks.
import { useEffect, useState } from "preact/hooks";
import type { RecordText, SeenRecords } from "../../../protocol.ts";
import { AnswerError, errorOf } from "../../answer_error.ts";
import { linesOf } from "../../asking.ts";

/** Records that the page keeps while it follows: the newest. */
const KEPT = 500;

/** Somebody who writes a key or an offset is asked for no more before this, milliseconds. */
const WRITING_MS = 300;

export interface Look {
  readonly topic: string;
  readonly partition: string;
  readonly from: string;
  readonly key: string;
  readonly follow: boolean;
}

export interface Looked {
  readonly state: "asking" | "following" | "done";
  /** In the order in which they came. */
  readonly records: readonly RecordText[];
  /** Records that came too fast to be shown. */
  readonly leftOut: number;
  readonly error?: string;
}

const NOTHING: Looked = { state: "asking", records: [], leftOut: 0 };

/** Looks while the page is seen; nothing is asked for `undefined`. `again` asks anew when it changes. */
export function useRecords(
  look: Look | undefined,
  { seen, again }: { readonly seen: boolean; readonly again: number },
) {
  const [looked, setLooked] = useState<Looked>(NOTHING);
  const key = look && JSON.stringify(look);
  // What is followed costs nothing while nobody sees it.
  const isOpen = look !== undefined && (seen || !look.follow);
  useEffect(() => {
    if (!isOpen) return;
    const abort = new AbortController();
    setLooked(NOTHING);
    const tell = (change: (before: Looked) => Looked) => {
      if (!abort.signal.aborted) setLooked(change);
    };
    const timer = setTimeout(() => read(look, abort.signal, tell), WRITING_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key, isOpen, again]);
  return looked;
}

async function read(look: Look, signal: AbortSignal, tell: (change: (before: Looked) => Looked) => void) {
  try {
    const response = await fetch(pathOf(look), { signal });
    if (!response.ok) throw await errorOf(response);
    if (look.follow) tell((before) => ({ ...before, state: "following" }));
    for await (const line of linesOf(response.body!)) {
      if (line === "") continue;
      const { records, left_out } = JSON.parse(line) as SeenRecords;
      tell((before) => ({
        ...before,
        records: [...before.records, ...records].slice(-KEPT),
        leftOut: before.leftOut + left_out,
      }));
    }
    tell((before) => ({ ...before, state: "done" }));
  } catch (error) {
    if (signal.aborted) return;
    const text = error instanceof AnswerError ? error.message : "Freshet does not answer";
    tell((before) => ({ ...before, state: "done", error: text }));
  }
}

function pathOf({ topic, partition, from, key, follow }: Look): string {
  const chosen = Object.entries({ partition, from, key }).filter(([, value]) => value !== "");
  const query = new URLSearchParams([...chosen, ["last", "100"], ...follow ? [["follow", "1"]] : []]);
  return `/api/topics/${encodeURIComponent(topic)}/records?${query}`;
}
