// A chart in the hand: the pointer looks, pins, chooses a stretch by dragging and moves it with Shift; two fingers draw it apart or
// together; the keys do the same.
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Span } from "../../../../panels/answers.ts";
import { crosshair, moving, showRange, showSpan } from "../hand.ts";
import type { Canvas } from "./chart_canvas.ts";

export interface HandOptions {
  readonly place: RefObject<HTMLDivElement | null>;
  readonly canvas: Canvas;
  /** What can be looked at, in order. */
  readonly at: readonly number[];
  readonly isTime: boolean;
  /** Whether there is a chart. */
  readonly isOpen: boolean;
  readonly hover: number | undefined;
  readonly onHover: (at: number | undefined) => void;
  readonly onPin: (at: number | undefined) => void;
  /** The stretch that is being chosen, in pixels. */
  readonly onSelect: (stretch: Span | undefined) => void;
}

/** A pointer that moves less has not been dragged, pixels. */
const STILL = 5;

interface Drag {
  readonly x: number;
  readonly at: number;
  readonly ends: Span;
  readonly isMove: boolean;
  moved: boolean;
}

/** Two fingers nearer to each other than this say nothing of a stretch, pixels. */
const NARROWEST = 12;

/** Two fingers on a chart: the moments that they took stay below them. */
interface Pinch {
  readonly ids: readonly [number, number];
  /** Pixels of the ends of the axis. */
  readonly edges: Span;
  /** Moments under the fingers. */
  readonly held: readonly [number, number];
  stretch: Span | undefined;
}

export function useHand(options: HandOptions): void {
  const now = useRef(options);
  now.current = options;
  const { place, isOpen } = options;
  useEffect(() => {
    const element = place.current;
    if (!isOpen || element === null) return;
    const listening = new AbortController();
    const { signal } = listening;
    const hand = new Hand(element, () => now.current);
    element.addEventListener("pointerdown", (event) => hand.take(event), { signal });
    element.addEventListener("pointermove", (event) => hand.move(event), { signal });
    element.addEventListener("pointerup", (event) => hand.leave(event), { signal });
    element.addEventListener("pointercancel", (event) => hand.cancel(event), { signal });
    element.addEventListener("pointerleave", () => hand.away(), { signal });
    element.addEventListener("dblclick", () => now.current.isTime && showRange(), { signal });
    element.addEventListener("keydown", (event) => hand.press(event), { signal });
    element.addEventListener("blur", () => hand.away(), { signal });
    return () => {
      hand.away();
      listening.abort();
    };
  }, [isOpen]);
}

class Hand {
  readonly #element: HTMLElement;
  readonly #now: () => HandOptions;
  #drag: Drag | undefined;
  /** Where the fingers are, by pointer. */
  readonly #fingers = new Map<number, number>();
  #pinch: Pinch | undefined;

  constructor(element: HTMLElement, now: () => HandOptions) {
    this.#element = element;
    this.#now = now;
  }

  take(event: PointerEvent): void {
    const { canvas, isTime } = this.#now();
    if (event.button !== 0) return;
    if (event.pointerType === "touch") this.#fingers.set(event.pointerId, this.#x(event));
    if (this.#fingers.size > 1) return this.#takeWithTwo();
    const at = this.#valueAt(event);
    const ends = isTime ? canvas.ends() : { from: 0, to: 0 };
    if (at === undefined || ends === undefined) return;
    this.#drag = { x: this.#x(event), at, ends, isMove: event.shiftKey, moved: false };
  }

  move(event: PointerEvent): void {
    const { onHover, onSelect, isTime, at, canvas } = this.#now();
    const drag = this.#drag;
    if (this.#fingers.has(event.pointerId)) this.#fingers.set(event.pointerId, this.#x(event));
    if (this.#fingers.size > 1) return this.#pinchOn();
    if (drag === undefined || !isTime) return this.#look(onHover, nearestAt(at, this.#valueAt(event)));
    const x = this.#x(event);
    if (!drag.moved && Math.abs(x - drag.x) < STILL) return;
    if (!drag.moved) this.#element.setPointerCapture(event.pointerId);
    drag.moved = true;
    this.#look(onHover, undefined);
    if (drag.isMove) return moving.set(this.#moved(drag, x));
    const [left, right] = [canvas.pixelOf(drag.ends.from), canvas.pixelOf(drag.ends.to)];
    const end = Math.min(right, Math.max(left, x));
    onSelect({ from: Math.min(drag.x, end), to: Math.max(drag.x, end) });
  }

  leave(event: PointerEvent): void {
    const { onPin, at, canvas } = this.#now();
    const [drag, pinch] = [this.#drag, this.#pinch];
    this.#fingers.delete(event.pointerId);
    this.#pinch = undefined;
    this.drop();
    if (pinch?.stretch !== undefined) return showSpan(pinch.stretch.from, pinch.stretch.to);
    if (drag === undefined) return;
    if (!drag.moved) return onPin(nearestAt(at, drag.at));
    if (drag.isMove) {
      const { from, to } = this.#moved(drag, this.#x(event));
      return showSpan(from, to);
    }
    const perPixel = (drag.ends.to - drag.ends.from) / (canvas.pixelOf(drag.ends.to) - canvas.pixelOf(drag.ends.from));
    const other = drag.at + (this.#x(event) - drag.x) * perPixel;
    const within = (ms: number) => Math.min(drag.ends.to, Math.max(drag.ends.from, ms));
    showSpan(within(Math.min(drag.at, other)), within(Math.max(drag.at, other)));
  }

  /** The browser takes a finger for itself, such as to scroll the page. */
  cancel(event: PointerEvent): void {
    this.#fingers.delete(event.pointerId);
    this.#pinch = undefined;
    this.drop();
  }

  /** A second finger: it is no choice of a stretch by dragging any more. A third one changes nothing. */
  #takeWithTwo(): void {
    const { canvas, isTime } = this.#now();
    const [ends, fingers] = [canvas.ends(), [...this.#fingers].sort(([, a], [, b]) => a - b)];
    this.drop();
    if (!isTime || ends === undefined || fingers.length !== 2) return;
    const [[left, x], [right, y]] = fingers as [[number, number], [number, number]];
    const edges = { from: canvas.pixelOf(ends.from), to: canvas.pixelOf(ends.to) };
    const perPixel = (ends.to - ends.from) / Math.max(1, edges.to - edges.from);
    const momentAt = (pixel: number) => ends.from + (pixel - edges.from) * perPixel;
    for (const id of [left, right]) this.#element.setPointerCapture(id);
    this.#look(this.#now().onHover, undefined);
    this.#pinch = { ids: [left, right], edges, held: [momentAt(x), momentAt(y)], stretch: undefined };
  }

  #pinchOn(): void {
    const pinch = this.#pinch;
    if (pinch === undefined) return;
    const [x, y] = pinch.ids.map((id) => this.#fingers.get(id) ?? NaN) as [number, number];
    if (!(y - x >= NARROWEST)) return;
    const perPixel = (pinch.held[1] - pinch.held[0]) / (y - x);
    const from = pinch.held[0] - (x - pinch.edges.from) * perPixel;
    pinch.stretch = { from, to: from + (pinch.edges.to - pinch.edges.from) * perPixel };
    moving.set(pinch.stretch);
  }

  /** Lets go without having done anything. */
  drop(): void {
    this.#drag = undefined;
    moving.set(undefined);
    this.#now().onSelect(undefined);
  }

  away(): void {
    this.#look(this.#now().onHover, undefined);
  }

  press(event: KeyboardEvent): void {
    const { at, hover, onHover, onPin, isTime, canvas } = this.#now();
    const place = hover === undefined ? at.length : at.indexOf(hover);
    const ends = canvas.ends();
    const zoom = (factor: number) => {
      if (!isTime || ends === undefined) return;
      const centre = hover ?? (ends.from + ends.to) / 2;
      showSpan(centre - (centre - ends.from) * factor, centre + (ends.to - centre) * factor);
    };
    const keys: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => this.#look(onHover, at[Math.max(0, place - 1)]),
      ArrowRight: () => this.#look(onHover, at[Math.min(at.length - 1, place + 1)]),
      Enter: () => onPin(hover),
      Escape: () => onPin(undefined),
      "+": () => zoom(0.5),
      "-": () => zoom(2),
      "0": () => isTime && showRange(),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]!();
  }

  #look(onHover: HandOptions["onHover"], at: number | undefined): void {
    onHover(at);
    if (this.#now().isTime) crosshair.set(at);
  }

  #moved({ x: start, ends }: Drag, x: number): Span {
    const { canvas } = this.#now();
    const left = canvas.pixelOf(canvas.ends()?.from ?? ends.from);
    const width = canvas.width() - left;
    const by = (start - x) * (ends.to - ends.from) / Math.max(1, width);
    return { from: ends.from + by, to: ends.to + by };
  }

  #x(event: PointerEvent): number {
    return event.clientX - this.#element.getBoundingClientRect().left;
  }

  #valueAt(event: PointerEvent): number | undefined {
    const { left, top } = this.#element.getBoundingClientRect();
    return this.#now().canvas.valueAt(event.clientX - left, event.clientY - top);
  }
}

/** The place in the order that is nearest; `undefined` where there is none, or nothing is wanted. */
function nearestAt(at: readonly number[], wanted: number | undefined): number | undefined {
  if (wanted === undefined) return undefined;
  let [low, high] = [0, at.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [at[low - 1], at[low]];
  if (after === undefined) return undefined;
  return before !== undefined && wanted - before < after - wanted ? before : after;
}
