// For a screen on a wall: one page after another, without what only a hand needs. `tv` in the address is how many seconds each
// page is shown.
import { useEffect } from "preact/hooks";
import { replacePath, setParams } from "./address.ts";

/** What the palette begins with. */
export const TV_SECONDS = 20;
/** A page that is gone sooner shows nothing. */
const LEAST_SECONDS = 5;

/** How many seconds each page is shown, `undefined` where nobody asks for one after another. */
export function tvSeconds(params: URLSearchParams): number | undefined {
  const text = params.get("tv");
  return text === null ? undefined : Math.max(LEAST_SECONDS, Number(text) || TV_SECONDS);
}

/** Goes from page to page until Escape is pressed. `paths` are the pages; one that is not among them is followed by the first. */
export function useTv(seconds: number | undefined, path: string, paths: readonly string[]): void {
  useEffect(() => {
    if (seconds === undefined) return;
    const next = paths[(paths.indexOf(path) + 1) % paths.length]!;
    const timer = setTimeout(() => replacePath(next), seconds * 1000);
    return () => clearTimeout(timer);
  }, [seconds, path, paths.join()]);
  useEffect(() => {
    if (seconds === undefined) return;
    document.documentElement.dataset.tv = "";
    const end = ({ key }: KeyboardEvent) => {
      if (key === "Escape") setParams({ tv: undefined });
    };
    document.addEventListener("keydown", end);
    return () => {
      delete document.documentElement.dataset.tv;
      document.removeEventListener("keydown", end);
    };
  }, [seconds]);
}
