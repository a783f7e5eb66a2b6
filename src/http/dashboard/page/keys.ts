// Keys that work on every page: two that follow each other lead to a page, one opens the palette, one says which keys there are.
import { useEffect, useRef } from "preact/hooks";

export interface KeyActions {
  /** By the key after `g`. */
  readonly goTo: ReadonlyMap<string, () => void>;
  readonly onPalette: () => void;
  readonly onHelp: () => void;
  readonly onPause: () => void;
}

/** The second key of two must come this soon, milliseconds. */
const SOON_MS = 1_500;

export function useKeys(actions: KeyActions): void {
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    let begunAt = -Infinity;
    const press = (event: KeyboardEvent) => {
      const { goTo, onPalette, onHelp, onPause } = latest.current;
      const done = (action: () => void) => {
        event.preventDefault();
        begunAt = -Infinity;
        action();
      };
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") return done(onPalette);
      if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.composedPath()[0])) return;
      const isSecond = event.timeStamp - begunAt < SOON_MS;
      const go = isSecond ? goTo.get(event.key) : undefined;
      if (go) return done(go);
      begunAt = event.key === "g" ? event.timeStamp : -Infinity;
      if (event.key === "/") done(onPalette);
      if (event.key === "?") done(onHelp);
      if (event.key === "p") done(onPause);
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}

/** Whether keys are text there, or a dialog has them. */
function isWriting(target: EventTarget | undefined): boolean {
  return target instanceof Element && target.closest("input, select, textarea, dialog, [contenteditable]") !== null;
}
