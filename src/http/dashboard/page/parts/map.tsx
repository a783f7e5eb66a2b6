// A map without any server of tiles: outlines that are known, points that move, trails, a graticule and a scale. A click on a
// point goes to its page.
import { useMemo } from "preact/hooks";
import { shadeOf } from "../look.ts";
import type { Severity } from "./alert_groups.ts";
import { Link } from "./link.tsx";

export type Place = readonly [latitude: number, longitude: number];

export interface MapPoint {
  readonly id: string;
  readonly at: Place;
  /** From 0 to 1: how much of something is there. */
  readonly share: number;
  /** How much what is wrong with it matters, which a ring says. */
  readonly ring?: Severity;
  /** Radius, as a share of the usual one. */
  readonly size?: number;
  readonly label?: string;
  /** What is said of it. */
  readonly text: string;
  /** Path of its page. */
  readonly to: string;
  /** Where it has been, the oldest first. */
  readonly trail?: readonly Place[];
}

export interface MapOutline {
  readonly name: string;
  readonly places: readonly Place[];
}

export interface MapProps {
  readonly label: string;
  readonly points: readonly MapPoint[];
  /** Shown where the points are on them. */
  readonly outlines?: readonly MapOutline[];
}

const [WIDTH, HEIGHT, MARGIN] = [760, 440, 30];
/** Radius of a point of the usual size, and of what is touched. */
const [DOT, TARGET] = [7, 12];
const KM_PER_DEGREE = 111.32;
/** Of the points, that must lie within the outlines. */
const ENOUGH = 0.8;
/** More points than this jump: to move each of them, or only to be able to, keeps a browser busy all the time. */
const MOST_MOVING = 200;

export function Map({ label, points, outlines = [] }: MapProps) {
  const shown = useMemo(() => outlinesAt(points, outlines), [points, outlines]);
  const project = useMemo(() => projection([...shown.flatMap(({ places }) => places), ...points.map(({ at }) => at)]), [
    shown,
    shown.length === 0 ? points : undefined,
  ]);
  // Small ones lie on large ones.
  const drawn = useMemo(() => points.toSorted((a, b) => (b.size ?? 1) - (a.size ?? 1)), [points]);
  const isMoving = points.length <= MOST_MOVING;
  const line = (places: readonly Place[]) =>
    places.map((at) => project.to(at).map((n) => n.toFixed(1)).join(",")).join(" ");
  return (
    <svg
      class={`map ${isMoving ? "map-moving" : ""}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="group"
      aria-label={label}
    >
      <Graticule project={project} />
      {shown.map(({ name, places }, i) => (
        <polyline key={name} class={`map-outline map-outline-${i % 8 + 1}`} points={line(places)} />
      ))}
      {points.map(({ id, trail = [] }) =>
        trail.length > 1 && <polyline key={id} class="map-trail" points={line(trail)} />
      )}
      {drawn.map(({ id, at, share, ring, size = 1, label, text, to }) => {
        const [x, y] = project.to(at).map((n) => n.toFixed(1));
        const place = isMoving ? {} : { cx: x, cy: y };
        return (
          <g
            // One that begins to move would come from the corner of the map.
            key={`${isMoving} ${id}`}
            class={`map-point ${label ? "" : "map-point-plain"}`}
            style={isMoving ? { transform: `translate(${x}px, ${y}px)` } : {}}
          >
            <Link to={to} class={ring === undefined ? "" : `map-ring of-${ring}`}>
              <title>{text}</title>
              <circle {...place} r={TARGET * Math.max(1, size)} class="map-target" />
              <circle {...place} r={DOT * size} class={`map-dot ${shadeOf(share)}`} />
            </Link>
          </g>
        );
      })}
      <Labels points={drawn} project={project} />
      <Scale kmPerPixel={project.kmPerPixel} />
    </svg>
  );
}

/** Sizes of the letters of a label, usually and where the map is drawn small, as page.css has them. */
const FONTS = [11, 20];
const WIDE_PER_LETTER = 0.62;

type Box = readonly [left: number, top: number, right: number, bottom: number];

interface LabelsProps {
  /** The most important first. */
  readonly points: readonly MapPoint[];
  readonly project: Projection;
}

/** Where the letters of a label begin: below its point, or above it where the map ends below. */
function labelTop(y: number, size: number): number {
  const [below, tallest] = [y + DOT * size + 4, Math.max(...FONTS) * 1.2];
  return below + tallest <= HEIGHT ? below : y - DOT * size - tallest;
}

/** Names at the points, but none that would lie on another: of those whoever points at one is told. */
function Labels({ points, project }: LabelsProps) {
  const [small, large] = FONTS.map((font) => readable(points, project, font));
  return (
    <g aria-hidden="true">
      {points.filter(({ id }) => small!.has(id)).map(({ id, at, size = 1, label }) => {
        const [x, y] = project.to(at);
        return (
          <text
            key={id}
            class={`map-label ${large!.has(id) ? "" : "map-label-small"}`}
            x={x.toFixed(1)}
            y={labelTop(y, size).toFixed(1)}
          >
            {label}
          </text>
        );
      })}
    </g>
  );
}

/** Ids of the points whose labels can all be read beside each other. */
function readable(points: readonly MapPoint[], project: Projection, font: number): ReadonlySet<string> {
  const boxes: Box[] = [];
  return new Set(points.flatMap(({ id, at, size = 1, label = "" }) => {
    const [x, y] = project.to(at);
    const half = label.length * font * WIDE_PER_LETTER / 2;
    const top = labelTop(y, size);
    const box: Box = [x - half, top, x + half, top + font * 1.2];
    if (label === "" || boxes.some((other) => overlap(box, other))) return [];
    boxes.push(box);
    return [id];
  }));
}

const overlap = (a: Box, b: Box): boolean => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

/** The outlines, if most of the points are on them: other data has another ground below it. */
function outlinesAt(points: readonly MapPoint[], outlines: readonly MapOutline[]): readonly MapOutline[] {
  const places = outlines.flatMap(({ places }) => places);
  if (places.length === 0) return [];
  const [south, north] = [Math.min(...places.map(([lat]) => lat)), Math.max(...places.map(([lat]) => lat))];
  const [west, east] = [Math.min(...places.map(([, lon]) => lon)), Math.max(...places.map(([, lon]) => lon))];
  const within = points.filter(({ at: [lat, lon] }) => lat >= south && lat <= north && lon >= west && lon <= east);
  return within.length >= ENOUGH * points.length ? outlines : [];
}

interface Projection {
  readonly to: (place: Place) => readonly [x: number, y: number];
  readonly kmPerPixel: number;
  readonly bounds: { readonly south: number; readonly north: number; readonly west: number; readonly east: number };
}

/** Equirectangular, true to scale in the middle: cities are small. */
function projection(places: readonly Place[]): Projection {
  const known = places.length === 0 ? [[0, 0] as const] : places;
  const [south, north] = [Math.min(...known.map(([lat]) => lat)), Math.max(...known.map(([lat]) => lat))];
  const [west, east] = [Math.min(...known.map(([, lon]) => lon)), Math.max(...known.map(([, lon]) => lon))];
  const narrow = Math.cos((south + north) / 2 * Math.PI / 180);
  const [wide, tall] = [Math.max(0.005, (east - west) * narrow), Math.max(0.005, north - south)];
  const scale = Math.min((WIDTH - 2 * MARGIN) / wide, (HEIGHT - 2 * MARGIN) / tall);
  const [middleLat, middleLon] = [(south + north) / 2, (west + east) / 2];
  return {
    to: ([lat, lon]) => [WIDTH / 2 + (lon - middleLon) * narrow * scale, HEIGHT / 2 - (lat - middleLat) * scale],
    kmPerPixel: KM_PER_DEGREE / scale,
    bounds: {
      south: middleLat - HEIGHT / 2 / scale,
      north: middleLat + HEIGHT / 2 / scale,
      west: middleLon - WIDTH / 2 / scale / narrow,
      east: middleLon + WIDTH / 2 / scale / narrow,
    },
  };
}

const STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 45];

function Graticule({ project: { to, bounds } }: { readonly project: Projection }) {
  const { south, north, west, east } = bounds;
  const step = STEPS.find((step) => (east - west) / step <= 8) ?? 45;
  const digits = Math.max(0, Math.ceil(-Math.log10(step)));
  const from = (first: number, last: number) =>
    Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => Math.ceil(first / step) * step + i * step)
      .filter((value) => value <= last);
  return (
    <g class="map-graticule" aria-hidden="true">
      {from(west, east).map((lon) => {
        const [x] = to([south, lon]);
        return (
          <g key={lon}>
            <line x1={x} x2={x} y1={0} y2={HEIGHT} />
            {x < WIDTH - MARGIN && <text x={x + 3} y={HEIGHT - 5}>{lon.toFixed(digits)}°</text>}
          </g>
        );
      })}
      {from(south, north).map((lat) => {
        const [, y] = to([lat, west]);
        return (
          <g key={lat}>
            <line x1={0} x2={WIDTH} y1={y} y2={y} />
            <text x={4} y={y - 3}>{lat.toFixed(digits)}°</text>
          </g>
        );
      })}
    </g>
  );
}

const LENGTHS_KM = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

function Scale({ kmPerPixel }: { readonly kmPerPixel: number }) {
  const km = LENGTHS_KM.findLast((length) => length / kmPerPixel <= 160) ?? LENGTHS_KM[0]!;
  const x = WIDTH - 14 - km / kmPerPixel;
  return (
    <g class="map-scale" aria-hidden="true">
      <path d={`M${x} 24 v6 h${km / kmPerPixel} v-6`} />
      <text x={x} y={19}>{km < 1 ? `${km * 1000} m` : `${km} km`}</text>
    </g>
  );
}
