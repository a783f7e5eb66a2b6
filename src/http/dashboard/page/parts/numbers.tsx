// What a chart draws, as a table: for who cannot see it, and for who wants to copy it.
import { useContext } from "preact/hooks";
import { numberText, timeText, zoneText } from "../format.ts";
import { LookContext } from "../look.ts";
import type { Drawn } from "./chart_data.ts";

export function Numbers({ label, drawn }: { readonly label: string; readonly drawn: Drawn }) {
  const { zone } = useContext(LookContext);
  const { axis, at, series } = drawn;
  const units = [...new Set(series.map(({ unit }) => unit))];
  return (
    <div class="table-frame canvas" role="group" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">{axis.kind === "time" ? zoneText(zone) : axis.title}</th>
            {series.map(({ name }) => (
              <th key={name} scope="col" class="numeric">
                <bdi>{name}</bdi>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {at.map((one) => (
            <tr key={one}>
              <th scope="row">
                <bdi>{axis.kind === "time" ? timeText(one, zone) : axis.names[one] ?? String(one)}</bdi>
              </th>
              {series.map(({ name, values }) => <td key={name} class="numeric">{numberText(values.get(one))}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
      {units.length === 1 && units[0] !== "" && <p class="note">in {units[0]}</p>}
    </div>
  );
}
