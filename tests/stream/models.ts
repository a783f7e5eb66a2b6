// What windows should hold, said as plainly as possible: every element is looked at again for every window.
// The models know nothing of panes, state or batches.

import { type Event, sorted } from "./feed.ts";

/** An element, its offset, and the watermark just before it. */
interface Seen extends Event {
  readonly offset: number;
  readonly watermark: number;
}

/** What a model says. */
export interface Expected {
  /** Values by window, as the tables of feed.ts name them. */
  readonly values: Record<string, unknown>;
  readonly versions: Record<string, unknown>;
  /** Offsets. */
  readonly late: number[];
}

/** The events that reach the windows, each with its offset and the watermark just before it. */
function seenOf(
  events: readonly Event[],
  { maxOutOfOrderness, where = () => true }: { readonly maxOutOfOrderness: number; where?(event: Event): boolean },
): Seen[] {
  let greatest = -Infinity;
  return events.map((event, offset) => {
    const seen = { ...event, offset, watermark: greatest - maxOutOfOrderness };
    greatest = Math.max(greatest, event.time);
    return seen;
  }).filter(where);
}

/** What the tests' accumulators make of elements. */
export function valuesOf(elements: readonly Event[]) {
  const xs = elements.map(({ x }) => x);
  return { n: xs.length, sum: xs.reduce((a, b) => a + b, 0), max: Math.max(...xs) };
}

/** How late an element may be. */
export interface LatenessModel {
  readonly allowedLateness: number;
  readonly maxOutOfOrderness: number;
  /** Which events reach the windows; all move the watermark. */
  where?(event: Event): boolean;
}

export interface HoppingModel extends LatenessModel {
  readonly size: number;
  readonly advance: number;
}

export interface WindowModel extends LatenessModel {
  /** The windows that hold a time. */
  windowsOf(time: number): readonly { readonly start: number; readonly end: number }[];
}

/** Hopping windows, and tumbling ones with `advance` = `size`. */
export function expectWindows(events: readonly Event[], { size, advance, ...model }: HoppingModel): Expected {
  const windowsOf = (time: number) => endsOf(time, { size, advance }).map((end) => ({ start: end - size, end }));
  return expectWindowsOf(events, { ...model, windowsOf });
}

/** Windows of any kind but sessions: an element counts in each window that is not past its lateness. */
export function expectWindowsOf(events: readonly Event[], model: WindowModel): Expected {
  const { windowsOf, allowedLateness } = model;
  const late: number[] = [];
  const windows = new Map<string, { readonly end: number; readonly elements: Seen[] }>();
  for (const element of seenOf(events, model)) {
    const { key, time, watermark, offset } = element;
    const all = windowsOf(time);
    const reached = all.filter(({ end }) => end + allowedLateness > watermark);
    if (reached.length < all.length) late.push(offset);
    for (const { start, end } of reached) {
      const name = `${key} ${start}..${end}`;
      const window = windows.get(name);
      if (window) window.elements.push(element);
      else windows.set(name, { end, elements: [element] });
    }
  }
  return {
    values: sorted([...windows].map(([name, { elements }]) => [name, valuesOf(elements)])),
    versions: sorted(
      [...windows].map(([name, { end, elements }]) => [
        name,
        1 + elements.filter(({ watermark }) => end <= watermark).length,
      ]),
    ),
    late,
  };
}

/** The ends of the windows that hold a time. */
function endsOf(time: number, { size, advance }: { readonly size: number; readonly advance: number }): number[] {
  const first = (Math.floor(time / advance) + 1) * advance;
  return Array.from({ length: size / advance }, (_, i) => first + i * advance);
}

export interface SessionModel extends LatenessModel {
  readonly gap: number;
}

/** An element of a session: with how far back the session that it joined may grow, and whether that had closed before. */
interface Joined extends Seen {
  readonly floor: number;
  readonly hadClosed: boolean;
  /** It raises the version: the session had closed, or begins with it although the watermark has passed it. */
  readonly corrects: boolean;
}

/**
 * Sessions: a key's elements by time, cut where two neighbours are a gap or more apart. An element is late when the session
 * that it would be a part of is past the allowed lateness, or when it would grow back to one that was out of reach before.
 */
export function expectSessions(events: readonly Event[], model: SessionModel): Expected {
  const { gap, allowedLateness } = model;
  const late: number[] = [];
  const accepted = new Map<string, Joined[]>();
  /** By key: what is before this was out of reach at some time. */
  const settled = new Map<string, number>();
  for (const element of seenOf(events, model)) {
    const { key, time, watermark, offset } = element;
    const own = accepted.get(key) ?? [];
    const all = sessionsOf(own, gap);
    const settledUpTo = Math.max(settled.get(key) ?? -Infinity, ...outOfReach(all, { ...model, watermark }));
    settled.set(key, settledUpTo);
    const reachable = all.filter((session) => endOf(session, gap) > settledUpTo);
    const near = reachable.filter((session) => time < endOf(session, gap) && time > session[0]!.time - gap);
    const end = Math.max(time + gap, ...near.map((session) => endOf(session, gap)));
    const grownFrom = near[0];
    const floor = grownFrom ? grownFrom[0]!.floor : watermark - allowedLateness - gap;
    const growsBack = grownFrom !== undefined && time < grownFrom[0]!.time && time < Math.max(floor, settledUpTo);
    if (end + allowedLateness <= watermark || growsBack) {
      late.push(offset);
      continue;
    }
    const hadClosed = near.some((session) => endOf(session, gap) <= watermark || session.some((e) => e.hadClosed));
    const corrects = hadClosed || (time < watermark && !(near[0] && near[0][0]!.time <= time));
    accepted.set(key, [...own, { ...element, floor, hadClosed, corrects }]);
  }
  const sessions = [...accepted.values()].flatMap((own) => sessionsOf(own, gap));
  const name = (session: readonly Seen[]) => `${session[0]!.key} ${session[0]!.time}..${session.at(-1)!.time}`;
  return {
    values: sorted(sessions.map((session) => [name(session), valuesOf(session)])),
    versions: sorted(sessions.map((session) => [name(session), 1 + session.filter((e) => e.corrects).length])),
    late,
  };
}

const endOf = (session: readonly Seen[], gap: number) => session.at(-1)!.time + gap;

/** The ends of a key's oldest sessions that no element which is not late can be a part of, alone or with the next session. */
function outOfReach(
  sessions: readonly (readonly Seen[])[],
  { gap, allowedLateness, watermark }: SessionModel & { readonly watermark: number },
): number[] {
  const reachable = sessions.findIndex((session, i) => {
    const next = sessions[i + 1];
    const bridged = next !== undefined && next[0]!.time - session.at(-1)!.time < 2 * gap &&
      endOf(next, gap) + allowedLateness > watermark;
    return bridged || endOf(session, gap) + gap + allowedLateness > watermark;
  });
  return sessions.slice(0, reachable < 0 ? undefined : reachable).map((session) => endOf(session, gap));
}

export function sessionsOf<E extends Event>(elements: readonly E[], gap: number): E[][] {
  const sessions: E[][] = [];
  const ordered = elements.toSorted((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : a.time - b.time);
  for (const element of ordered) {
    const last = sessions.at(-1)?.at(-1);
    if (last && last.key === element.key && element.time - last.time < gap) sessions.at(-1)!.push(element);
    else sessions.push([element]);
  }
  return sessions;
}

export interface WindowEpisodeModel extends HoppingModel {
  readonly trailing: number;
  readonly gap: number;
  holds(n: number, before: number): boolean;
}

/** Episodes of hopping windows that hold: every window of every key is looked at, and what was before it counted. */
export function expectWindowEpisodes(events: readonly Event[], model: WindowEpisodeModel): Omit<Expected, "versions"> {
  const { size, trailing, gap, allowedLateness, holds } = model;
  const seen = seenOf(events, model);
  /** Whether an element counts in, and before, the window that ends there. */
  const counts = ({ watermark }: Seen, end: number) => end + allowedLateness > watermark;
  const late = seen.filter((e) => !counts(e, endsOf(e.time, model)[0]!)).map(({ offset }) => offset);
  const accepted = seen.filter((e) => counts(e, endsOf(e.time, model).at(-1)! + trailing));
  const since = accepted[0]?.time ?? 0;
  const episodes: { key: string; start: number; last: number; ns: number[] }[] = [];
  for (const key of new Set(accepted.map((element) => element.key))) {
    const elements = accepted.filter((element) => element.key === key);
    const ends = [...new Set(elements.flatMap(({ time }) => endsOf(time, model)))].sort((a, b) => a - b);
    for (const end of ends) {
      const within = (from: number, to: number) =>
        elements.filter((e) => e.time >= from && e.time < to && counts(e, end)).length;
      const n = within(end - size, end);
      if (n === 0 || end - size - trailing < since) continue;
      if (!holds(n, within(end - size - trailing, end - size))) continue;
      const episode = episodes.at(-1);
      if (episode && episode.key === key && end - episode.last < gap) {
        episode.last = end;
        episode.ns.push(n);
      } else episodes.push({ key, start: end, last: end, ns: [n] });
    }
  }
  return {
    values: sorted(
      episodes.map(({ key, start, last, ns }) => [`${key} ${start}..${last}`, {
        windows: ns.length,
        peak: Math.max(...ns),
        now: ns.at(-1),
      }]),
    ),
    late,
  };
}
