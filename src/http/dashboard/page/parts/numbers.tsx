// What a chart draws, as a table: for who cannot see it, and for who wants to copy it.
import { useContext } from "preact/hooks";
import { numberText, timeText, zoneText } from "../format.ts";
import { LookContext } from "../look.ts";

/** The parts of a chart's option that hold numbers. */
interface Option {
  readonly xAxis?: { readonly type?: string; readonly name?: string; readonly data?: readonly string[] };
  readonly yAxis?: Axis | readonly Axis[];
  readonly series?: readonly Series[];
}

interface Axis {
  readonly name?: string;
}

interface Series {
  readonly name?: string;
  readonly type?: string;
  readonly data?: readonly unknown[];
}

const BOX = ["least", "lower quarter", "median", "upper quarter", "most"];

export function Numbers({ label, option }: { readonly label: string; readonly option: object }) {
  const { zone } = useContext(LookContext);
  const { xAxis, yAxis, series = [] } = option as Option;
  const unit = (Array.isArray(yAxis) ? undefined : yAxis as Axis | undefined)?.name;
  const isTime = xAxis?.type === "time";
  const heads = series[0]?.type === "boxplot" ? BOX : series.map(({ name }) => name ?? unit ?? "");
  const rows = rowsOf(series);
  const name = (at: number) => isTime ? timeText(at, zone) : xAxis?.data?.[at] ?? String(at);
  return (
    <div class="table-frame canvas" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">{isTime ? zoneText(zone) : xAxis?.name ?? ""}</th>
            {heads.map((head) => (
              <th key={head} scope="col" class="numeric">
                <bdi>{head}</bdi>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([at, values]) => (
            <tr key={at}>
              <th scope="row">
                <bdi>{name(at)}</bdi>
              </th>
              {values.map((value, i) => <td key={i} class="numeric">{numberText(value)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
      {unit && <p class="note">in {unit}</p>}
    </div>
  );
}

/** By time or place on the axis, the values of all series. */
function rowsOf(series: readonly Series[]): readonly (readonly [number, readonly (number | null)[]])[] {
  const rows = new Map<number, (number | null)[]>();
  series.forEach(({ data = [], type }, i) => {
    data.forEach((item, place) => {
      const isPair = Array.isArray(item) && type !== "boxplot";
      const at = isPair ? item[0] as number : place;
      const row = rows.get(at) ?? series.map(() => null);
      rows.set(at, type === "boxplot" ? item as number[] : row);
      if (type !== "boxplot") row[i] = valueOf(isPair ? item[1] : item);
    });
  });
  return [...rows];
}

function valueOf(item: unknown): number | null {
  if (typeof item === "number") return item;
  const value = (item as { readonly value?: unknown } | null)?.value;
  return typeof value === "number" ? value : null;
}
