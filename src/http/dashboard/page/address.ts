// What is shown lies in the address, so that a reload, a bookmark or a colleague sees the same. Of our own: a router such as
// preact-iso matches paths, of which there are few; the filters in the query, some kept from page to page, are what is needed.
import { useCallback, useEffect, useState } from "preact/hooks";

export interface Address {
  readonly path: string;
  readonly params: URLSearchParams;
}

export type Change = Readonly<Record<string, string | readonly string[] | undefined>>;

const listeners = new Set<() => void>();

function current(): Address {
  return { path: location.pathname, params: new URLSearchParams(location.search) };
}

function tell(): void {
  for (const listener of listeners) listener();
}

globalThis.addEventListener("popstate", tell);

/** Parameters that belong to the whole dashboard. */
const KEPT = ["range", "from", "to", "refresh", "tz", "compare", "tv"];

/** The address of another page, with what belongs to the whole dashboard. `path` may have parameters of its own. */
export function hrefOf(path: string): string {
  const [name = path, query] = path.split("?");
  const params = new URLSearchParams(query);
  for (const name of KEPT) {
    if (params.has(name)) continue;
    for (const value of new URLSearchParams(location.search).getAll(name)) params.append(name, value);
  }
  return params.size === 0 ? name : `${name}?${params}`;
}

export const DEFAULT_RANGE = "6h";

/** The parameters that panels take: the stretch of event time that the address says. */
export function rangeParams(params: URLSearchParams): URLSearchParams {
  const chosen = new URLSearchParams();
  const [from, to] = [params.get("from"), params.get("to")];
  if (from !== null && to !== null) {
    chosen.set("from", from);
    chosen.set("to", to);
  } else chosen.set("range", params.get("range") ?? DEFAULT_RANGE);
  return chosen;
}

export function goTo(path: string): void {
  history.pushState(null, "", hrefOf(path));
  tell();
  scrollTo(0, 0);
}

/** Shows another page in the place of this one: the browser's way back does not lead here. */
export function replacePath(path: string): void {
  history.replaceState(null, "", hrefOf(path));
  tell();
  scrollTo(0, 0);
}

/** Changes parameters; `undefined`, empty text and an empty list take one away. A `step` can be taken back by the browser. */
export function setParams(change: Change, { step = false }: { readonly step?: boolean } = {}): void {
  const params = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(change)) {
    params.delete(name);
    for (const item of [value ?? []].flat()) if (item !== "") params.append(name, item);
  }
  const address = params.size === 0 ? location.pathname : `${location.pathname}?${params}`;
  if (step) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  tell();
}

export function useAddress(): Address {
  const [address, setAddress] = useState(current);
  const update = useCallback(() => setAddress(current()), []);
  useEffect(() => {
    listeners.add(update);
    return () => void listeners.delete(update);
  }, []);
  return address;
}
