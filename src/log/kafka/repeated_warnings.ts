// Clients say the same with every try: it goes on once in a while. Knows nothing of what is said.

const AGAIN_MS = 30_000;

/** Hands on what has not been said in the last half minute; `monotonic` is a clock that never goes back, milliseconds. */
export function onceInAWhile(tell: (message: string) => void, monotonic: () => number): (message: string) => void {
  const said = new Map<string, number>();
  return (message) => {
    const now = monotonic();
    for (const [before, at] of said) if (now - at > AGAIN_MS) said.delete(before);
    if (said.has(message)) return;
    said.set(message, now);
    tell(message);
  };
}
