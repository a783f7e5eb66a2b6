// Which stretch of event time is shown: up to the newest event, or between two moments. Lies in the address.
import { useState } from "preact/hooks";
import { setParams, useAddress } from "../address.ts";

const RANGES = [["1h", "1 hour"], ["6h", "6 hours"], ["24h", "24 hours"], ["7d", "7 days"], [
  "30d",
  "30 days",
]] as const;
const DEFAULT_RANGE = "6h";

/** The parameters that panels take. */
export function rangeParams(params: URLSearchParams): URLSearchParams {
  const chosen = new URLSearchParams();
  const [from, to] = [params.get("from"), params.get("to")];
  if (from !== null && to !== null) {
    chosen.set("from", from);
    chosen.set("to", to);
  } else chosen.set("range", params.get("range") ?? DEFAULT_RANGE);
  return chosen;
}

export function RangeFilter() {
  const { params } = useAddress();
  const isBetween = params.has("from") && params.has("to");
  const [open, setOpen] = useState(isBetween);
  const chosen = isBetween || open ? "between" : params.get("range") ?? DEFAULT_RANGE;
  const choose = (value: string) => {
    setOpen(value === "between");
    if (value !== "between") {
      setParams({ range: value === DEFAULT_RANGE ? undefined : value, from: undefined, to: undefined });
    }
  };
  return (
    <>
      <label class="field">
        <span>Time range</span>
        <select value={chosen} onChange={(event) => choose(event.currentTarget.value)}>
          {RANGES.map(([value, text]) => <option key={value} value={value}>last {text}</option>)}
          {!RANGES.some(([value]) => value === chosen) && chosen !== "between" && (
            <option value={chosen}>last {chosen}</option>
          )}
          <option value="between">between…</option>
        </select>
      </label>
      {(open || isBetween) && <Between params={params} />}
    </>
  );
}

/** Moments are UTC, to the minute. */
function Between({ params }: { readonly params: URLSearchParams }) {
  const [from, setFrom] = useState(params.get("from")?.slice(0, 16) ?? "");
  const [to, setTo] = useState(params.get("to")?.slice(0, 16) ?? "");
  const apply = (nextFrom: string, nextTo: string) => {
    if (nextFrom === "" || nextTo === "" || nextFrom >= nextTo) return;
    setParams({ range: undefined, from: `${nextFrom}:00Z`, to: `${nextTo}:00Z` });
  };
  return (
    <>
      <label class="field">
        <span>From (UTC)</span>
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
        <span>To (UTC)</span>
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
