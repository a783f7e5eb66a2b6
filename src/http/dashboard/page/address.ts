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

/** Goes to another page. Parameters that belong to the whole dashboard are kept. */
export function goTo(path: string): void {
  const kept = new URLSearchParams();
  for (const name of ["range", "from", "to", "refresh", "tz"]) {
    for (const value of new URLSearchParams(location.search).getAll(name)) kept.append(name, value);
  }
  history.pushState(null, "", kept.size === 0 ? path : `${path}?${kept}`);
  tell();
  scrollTo(0, 0);
}

/** Changes parameters in place; `undefined`, empty text and an empty list take one away. */
export function setParams(change: Change): void {
  const params = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(change)) {
    params.delete(name);
    for (const item of [value ?? []].flat()) if (item !== "") params.append(name, item);
  }
  history.replaceState(null, "", params.size === 0 ? location.pathname : `${location.pathname}?${params}`);
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
