// What the parts of a page may ask about the page that they are on: its domain, and what runs here.
import { createContext } from "preact";
import type { About } from "../protocol.ts";

export interface PageAbout {
  /** The domain that the page is about, if it is about one. */
  readonly domain: string | undefined;
  readonly about: About | undefined;
}

export const PageContext = createContext<PageAbout>({ domain: undefined, about: undefined });
