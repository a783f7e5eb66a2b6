// Which stretch of event time is shown: up to the newest event, or between two moments. Lies in the address.
import { useContext, useEffect, useState } from "preact/hooks";
import { DEFAULT_RANGE, setParams, useAddress } from "../address.ts";
import { fieldMoment, fieldText, type Zone, zoneText } from "../format.ts";
import { chosenSpan, showRange } from "../hand.ts";
import { LookContext } from "../look.ts";

const RANGES = [
  ["1h", "1 hour"],
  ["6h", "6 hours"],
  ["24h", "24 hours"],
  ["7d", "7 days"],
  ["30d", "30 days"],
] as const;

/** A range in words: `6 hours`, `90m` where there are none. */
export function rangeText(range: string): string {
  return RANGES.find(([value]) => value === range)?.[1] ?? range;
}

export function RangeFilter() {
  const { params } = useAddress();
  const { zone } = useContext(LookContext);
  const isBetween = params.has("from") && params.has("to");
  const [open, setOpen] = useState(isBetween);
  useEffect(() => setOpen(isBetween), [isBetween]);
  const range = params.get("range") ?? DEFAULT_RANGE;
  const chosen = isBetween || open ? "between" : range;
  const choose = (value: string) => {
    setOpen(value === "between");
    if (value !== "between") {
      setParams({ range: value === DEFAULT_RANGE ? undefined : value, from: undefined, to: undefined });
    }
  };
  return (
    <>
      <label class="field range">
        <span>Time range</span>
        <select value={chosen} onChange={(event) => choose(event.currentTarget.value)}>
          {RANGES.map(([value, text]) => <option key={value} value={value}>last {text}</option>)}
          {!RANGES.some(([value]) => value === chosen) && chosen !== "between" && (
            <option value={chosen}>last {chosen}</option>
          )}
          <option value="between">between…</option>
        </select>
      </label>
      {(open || isBetween) && <Between key={zone} params={params} zone={zone} />}
      {isBetween && <button type="button" class="quiet" onClick={showRange}>Back to the last {rangeText(range)}
      </button>}
    </>
  );
}

/** Moments are those of the page's zone, to the minute. */
function Between({ params, zone }: { readonly params: URLSearchParams; readonly zone: Zone }) {
  const span = chosenSpan(params);
  const [from, setFrom] = useState(span ? fieldText(span.from, zone) : "");
  const [to, setTo] = useState(span ? fieldText(span.to, zone) : "");
  // Chosen in a chart, or by the browser's button, meanwhile.
  useEffect(() => {
    if (span === undefined) return;
    setFrom(fieldText(span.from, zone));
    setTo(fieldText(span.to, zone));
  }, [span?.from, span?.to]);
  const apply = (nextFrom: string, nextTo: string) => {
    const [start, end] = [fieldMoment(nextFrom, zone), fieldMoment(nextTo, zone)];
    if (!(start < end)) return;
    setParams({ from: momentText(start), to: momentText(end) });
  };
  return (
    <>
      <label class="field">
        <span>From ({zoneText(zone)})</span>
        <input
          type="datetime-local"
          value={from}
          onInput={(event) => {
            setFrom(event.currentTarget.value);
            apply(event.currentTarget.value, to);
          }}
        />
      </label>
      <label class="field">
        <span>To ({zoneText(zone)})</span>
        <input
          type="datetime-local"
          value={to}
          onInput={(event) => {
            setTo(event.currentTarget.value);
            apply(from, event.currentTarget.value);
          }}
        />
      </label>
    </>
  );
}

function momentText(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}
