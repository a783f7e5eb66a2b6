// A page that is opened at one of its parts, as a link to an anchor is: what is above may come later and push it down.
import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

/** What comes later than this pushes nothing back. */
const SETTLED_MS = 5_000;
/** By these somebody moves the page, and is not to be moved against. */
const HANDS = ["wheel", "touchstart", "pointerdown", "keydown"] as const;

/** Has an element at the top of the window when it is first shown, if it is wanted, until the page is complete or somebody moves it. */
export function useScrolledTo(element: RefObject<HTMLElement | null>, isWanted: boolean): void {
  useEffect(() => {
    if (!isWanted || element.current === null) return;
    const ended = new AbortController();
    const show = () => element.current?.scrollIntoView({ block: "start" });
    const observer = new ResizeObserver(show);
    observer.observe(document.body);
    const end = () => {
      observer.disconnect();
      clearTimeout(settled);
      ended.abort();
    };
    const settled = setTimeout(end, SETTLED_MS);
    for (const hand of HANDS) addEventListener(hand, end, { signal: ended.signal, passive: true, capture: true });
    show();
    return end;
  }, []);
}
