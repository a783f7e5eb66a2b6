// What windows should hold, said as plainly as possible: every element is looked at again for every window.
// The models know nothing of panes, state or batches.

import { type Event, sorted } from "./feed.ts";

/** An element, and the watermark just before it. */
interface Seen extends Event {
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

function split(
  events: readonly Event[],
  { maxOutOfOrderness, where = () => true }: { readonly maxOutOfOrderness: number; where?(event: Event): boolean },
  isLate: (e: Seen) => boolean,
) {
  let greatest = -Infinity;
  const accepted: Seen[] = [];
  const late: number[] = [];
  events.forEach((event, offset) => {
    const seen = { ...event, watermark: greatest - maxOutOfOrderness };
    greatest = Math.max(greatest, event.time);
    if (!where(event)) return;
    if (isLate(seen)) late.push(offset);
    else accepted.push(seen);
  });
  return { accepted, late };
}

/** What the tests' accumulators make of elements. */
export function valuesOf(elements: readonly Event[]) {
  const xs = elements.map(({ x }) => x);
  return { n: xs.length, sum: xs.reduce((a, b) => a + b, 0), max: Math.max(...xs) };
}

export interface WindowModel {
  readonly size: number;
  readonly advance: number;
  readonly allowedLateness: number;
  readonly maxOutOfOrderness: number;
  /** Which events reach the windows; all move the watermark. */
  where?(event: Event): boolean;
}

/** Hopping windows, and tumbling ones with `advance` = `size`. */
export function expectWindows(events: readonly Event[], model: WindowModel): Expected {
  const { size, advance, allowedLateness } = model;
  const firstEnd = (time: number) => (Math.floor(time / advance) + 1) * advance;
  const { accepted, late } = split(
    events,
    model,
    ({ time, watermark }) => firstEnd(time) + allowedLateness <= watermark,
  );
  const windows = new Map<string, { readonly end: number; readonly elements: Seen[] }>();
  for (const element of accepted) {
    for (let end = firstEnd(element.time); end - size <= element.time; end += advance) {
      const name = `${element.key} ${end - size}..${end}`;
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
        1 + elements.slice(1).filter(({ watermark }) => end <= watermark).length,
      ]),
    ),
    late,
  };
}

export interface SessionModel {
  readonly gap: number;
  readonly allowedLateness: number;
  readonly maxOutOfOrderness: number;
  /** Which events reach the windows; all move the watermark. */
  where?(event: Event): boolean;
}

/** Sessions: a key's elements by time, cut where two neighbours are a gap or more apart. */
export function expectSessions(events: readonly Event[], model: SessionModel): Expected {
  const { gap, allowedLateness } = model;
  const { accepted, late } = split(
    events,
    model,
    ({ time, watermark }) => time + gap + allowedLateness <= watermark,
  );
  // An element corrects when, as it came, it touched a session that its watermark had passed.
  const correcting = new Set<Seen>();
  accepted.forEach((element, i) => {
    const near = sessionsOf(accepted.slice(0, i), gap).filter((session) =>
      session[0]!.key === element.key && element.time < session.at(-1)!.time + gap &&
      element.time > session[0]!.time - gap
    );
    if (near.some((session) => session.at(-1)!.time + gap <= element.watermark)) correcting.add(element);
  });
  const sessions = sessionsOf(accepted, gap);
  const name = (session: readonly Seen[]) => `${session[0]!.key} ${session[0]!.time}..${session.at(-1)!.time}`;
  return {
    values: sorted(sessions.map((session) => [name(session), valuesOf(session)])),
    versions: sorted(sessions.map((session) => [name(session), 1 + session.filter((e) => correcting.has(e)).length])),
    late,
  };
}

function sessionsOf(elements: readonly Seen[], gap: number): Seen[][] {
  const sessions: Seen[][] = [];
  const ordered = elements.toSorted((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : a.time - b.time);
  for (const element of ordered) {
    const last = sessions.at(-1)?.at(-1);
    if (last && last.key === element.key && element.time - last.time < gap) sessions.at(-1)!.push(element);
    else sessions.push([element]);
  }
  return sessions;
}

export interface WindowEpisodeModel extends Omit<WindowModel, "where"> {
  readonly trailing: number;
  readonly gap: number;
  holds(n: number, before: number): boolean;
}

/** Episodes of hopping windows that hold: every window of every key is looked at, and what was before it counted. */
export function expectWindowEpisodes(events: readonly Event[], model: WindowEpisodeModel): Omit<Expected, "versions"> {
  const { size, advance, trailing, gap, allowedLateness, holds } = model;
  const firstEnd = (time: number) => (Math.floor(time / advance) + 1) * advance;
  const { accepted, late } = split(
    events,
    model,
    ({ time, watermark }) => firstEnd(time) + allowedLateness <= watermark,
  );
  const since = accepted[0]?.time ?? 0;
  const episodes: { key: string; start: number; last: number; ns: number[] }[] = [];
  for (const key of new Set(accepted.map((element) => element.key))) {
    const times = accepted.filter((element) => element.key === key).map(({ time }) => time);
    const within = (from: number, to: number) => times.filter((time) => time >= from && time < to).length;
    const ends = [
      ...new Set(times.flatMap((time) => {
        const first = firstEnd(time);
        return Array.from({ length: size / advance }, (_, i) => first + i * advance);
      })),
    ].sort((a, b) => a - b);
    for (const end of ends) {
      const n = within(end - size, end);
      if (end - size - trailing < since || !holds(n, within(end - size - trailing, end - size))) continue;
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
