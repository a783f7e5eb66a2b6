// What somebody chose and finds again next time, kept by the browser. A browser that keeps nothing forgets it.

const PREFIX = "freshet.";

/** What was remembered under a name; `undefined` for nothing, and for what is no JSON. */
export function remembered<T>(name: string): T | undefined {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}

export function remember(name: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // It is chosen anew next time.
  }
}
