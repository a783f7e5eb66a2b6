// How the page looks: theme, whether it is seen, and the chart colours that belong to the theme.
import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { momentOf, type Zone } from "./format.ts";

export type Theme = "auto" | "light" | "dark";
export const THEMES: readonly Theme[] = ["auto", "light", "dark"];

const THEME_KEY = "freshet.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

/** Applied at once, so that the page does not flash. */
export function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem(THEME_KEY);
    return THEMES.find((theme) => theme === stored) ?? "auto";
  } catch {
    // A browser that keeps nothing.
    return "auto";
  }
}

/** Keeps what a person has chosen for the next visit. */
export function storeTheme(theme: Theme): void {
  try {
    localStorage.setItem(THEME_KEY, theme);
  } catch {
    // It is chosen anew next time.
  }
}

export function applyTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
}

/** Shades that page.css has, from the palest on. */
const SHADES = 12;

/** The class of a colour that is stronger the more of the most something is: `share` from 0 to 1. */
export function shadeOf(share: number): string {
  return `shade-${Math.max(0, Math.min(SHADES - 1, Math.floor(share * SHADES)))}`;
}

/** Calls back when the system's theme changes. */
export function onSystemTheme(listener: () => void): () => void {
  dark.addEventListener("change", listener);
  return () => dark.removeEventListener("change", listener);
}

/** Whether the page is being printed: paper is white. */
export function usePrinting(): boolean {
  const [isPrinting, setIsPrinting] = useState(false);
  useEffect(() => {
    const [begin, end] = [() => setIsPrinting(true), () => setIsPrinting(false)];
    addEventListener("beforeprint", begin);
    addEventListener("afterprint", end);
    return () => {
      removeEventListener("beforeprint", begin);
      removeEventListener("afterprint", end);
    };
  }, []);
  return isPrinting;
}

/** The time as the page shows it, and the theme that the charts are drawn in. */
export const LookContext = createContext<Look>({
  zone: "utc",
  themed: "light",
  serverNow: 0,
  setDataTime: () => {},
});

export interface Look {
  readonly zone: Zone;
  /** Changes with the theme. */
  readonly themed: string;
  /** What the server's clock is ahead of the browser's, milliseconds. */
  readonly serverNow: number;
  readonly setDataTime: (ms: number | undefined) => void;
}

/** The browser's clock by the second, while the page is seen. */
export const SecondContext = createContext(0);

export function useSecond(): number {
  return useContext(SecondContext);
}

/** Tells the page's head which moment the numbers are about, as the warehouse writes it. */
export function useDataTime(text: string | null | undefined): void {
  const { setDataTime } = useContext(LookContext);
  useEffect(() => {
    if (text !== undefined) setDataTime(text === null ? undefined : momentOf(text));
  }, [text]);
  useEffect(() => () => setDataTime(undefined), []);
}

/** Whether somebody can see the page. */
export function useSeen(): boolean {
  const [seen, setSeen] = useState(!document.hidden);
  useEffect(() => {
    const update = () => setSeen(!document.hidden);
    document.addEventListener("visibilitychange", update);
    return () => document.removeEventListener("visibilitychange", update);
  }, []);
  return seen;
}

const narrow = matchMedia("(max-width: 720px)");

/** Whether the page is as narrow as a phone, as page.css means it. */
export function useNarrow(): boolean {
  const [isNarrow, setIsNarrow] = useState(narrow.matches);
  useEffect(() => {
    const update = () => setIsNarrow(narrow.matches);
    narrow.addEventListener("change", update);
    return () => narrow.removeEventListener("change", update);
  }, []);
  return isNarrow;
}

/** Grows every second while the page is seen. */
export function useClock(seen: boolean): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!seen) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [seen]);
  return now;
}

/** A custom property of the theme. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
