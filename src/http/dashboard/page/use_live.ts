// The page's one stream (live_stream.ts) as its parts have it.
import { useEffect, useRef, useState } from "preact/hooks";
import type { LiveEvents } from "../protocol.ts";
import { paced } from "./pace.ts";
import { type LiveNews, type LivePlan, type LiveState, LiveStream } from "./live_stream.ts";

export interface PagePlan extends Omit<LivePlan, "isOpen"> {
  /** Whether somebody sees the page. */
  readonly isSeen: boolean;
  /** It is not to move: what its topics say it is told once. */
  readonly isPaused: boolean;
}

/** The page's stream, and what its topics say. */
export function useLive(plan: PagePlan): LiveNews & { readonly stream: LiveStream; readonly failures: number } {
  const [state, setState] = useState<LiveState>("connecting");
  const [news, setNews] = useState<Partial<LiveEvents>>({});
  const [failures, setFailures] = useState(0);
  const made = useRef<LiveStream>(undefined);
  made.current ??= new LiveStream(
    setState,
    (topic, data) => setNews((before) => ({ ...before, [topic]: data })),
    (tell) => paced(tell, requestAnimationFrame),
  );
  const stream = made.current;
  stream.onFailure = () => setFailures((n) => n + 1);
  const { topics, everyS, isSeen, isPaused } = plan;
  const isOpen = isSeen && (!isPaused || topics.some((topic) => !(topic in news)));
  // Before the parts of the page follow anything, so that nobody asks what the stream will tell.
  useEffectBefore(() => stream.plan = { topics, everyS, isOpen }, [topics.join(" "), everyS, isOpen]);
  useEffect(() => () => stream.close(), []);
  return { state, news, stream, failures };
}

/** Runs while the page is made, when something has changed: before the effects of its parts. */
function useEffectBefore(effect: () => void, inputs: readonly unknown[]): void {
  const before = useRef<readonly unknown[]>(undefined);
  if (before.current !== undefined && inputs.every((input, i) => input === before.current![i])) return;
  before.current = inputs;
  effect();
}
