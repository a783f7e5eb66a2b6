// The one stream of changes from the server. Open only while the page is to be seen.
import { useEffect, useRef, useState } from "preact/hooks";
import type { LiveEvents } from "../protocol.ts";

export type LiveState = "connecting" | "live" | "paused";

const RETRY_MS = 5_000;

/** The newest event of each topic. */
export interface LiveNews {
  readonly state: LiveState;
  readonly news: Partial<LiveEvents>;
}

export function useLive(topics: readonly string[], open: boolean): LiveNews {
  const [state, setState] = useState<LiveState>("connecting");
  const [news, setNews] = useState<Partial<LiveEvents>>({});
  const lastId = useRef("");
  const key = topics.join(" ");
  useEffect(() => {
    if (!open) return setState("paused");
    let source: EventSource | undefined;
    let retry: number | undefined;
    const connect = () => {
      setState("connecting");
      const query = new URLSearchParams(topics.map((topic) => ["topic", topic]));
      source = new EventSource(`/api/live?${query}`);
      source.onopen = () => setState("live");
      source.onerror = () => {
        setState("connecting");
        // It comes back by itself, except after an answer that is not a stream.
        if (source?.readyState === EventSource.CLOSED) retry = setTimeout(connect, RETRY_MS);
      };
      for (const topic of topics) {
        source.addEventListener(topic, (event) => {
          lastId.current = event.lastEventId;
          setNews((before) => ({ ...before, [topic]: JSON.parse(event.data) }));
        });
      }
    };
    connect();
    return () => {
      source?.close();
      clearTimeout(retry);
    };
  }, [key, open]);
  return { state, news };
}
