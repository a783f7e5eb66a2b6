// An address that names nothing that can be shown: what is wrong with it, and the way back.
import { Fragment } from "preact";
import { setParams } from "../address.ts";
import { cutText, wordsOf } from "../format.ts";
import { chosenSpan } from "../hand.ts";
import { Link } from "../parts/link.tsx";

/** Seconds; the server takes no more. */
const MOST_REFRESH_S = 3_600;

const isRefresh = (text: string) =>
  text === "live" || (/^(0|[1-9]\d{0,3})$/.test(text) && Number(text) <= MOST_REFRESH_S);

/** What is wrong with the address, and the parameters that are to be taken away. */
export interface WrongAddress {
  readonly text: string;
  readonly names: readonly string[];
}

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/** Parameters that every page has. */
export function badAddress(params: URLSearchParams): WrongAddress | undefined {
  const range = params.get("range");
  if (range !== null && !/^[1-9]\d{0,3}[mhd]$/.test(range)) {
    const text = `“${cutText(range, 40)}” is no time range: write a number with m, h or d, such as 90m, 6h or 7d.`;
    return { text, names: ["range"] };
  }
  const ends = ["from", "to"].flatMap((name) => params.get(name) ?? []);
  if (
    ends.length === 1 || ends.some((text) => !MOMENT.test(text)) ||
    ends.length === 2 && chosenSpan(params) === undefined
  ) {
    const text =
      "The address names a stretch of time that is none: it needs from and to, the first before the second, " +
      "such as from=2026-01-15T08:00:00Z&to=2026-01-15T09:00:00Z.";
    return { text, names: ["from", "to"] };
  }
  const refresh = params.get("refresh");
  if (refresh !== null && !isRefresh(refresh)) {
    const text = `“${
      cutText(refresh, 40)
    }” is no number of seconds between two refreshes: write ${MOST_REFRESH_S} at most, live for as it comes, or 0 for paused.`;
    return { text, names: ["refresh"] };
  }
  return undefined;
}

export interface NowhereProps {
  readonly path: string;
  readonly wrong?: WrongAddress;
  /** Of the domains that run. */
  readonly names: readonly string[];
}

export function NowherePage({ path, wrong, names }: NowhereProps) {
  if (wrong !== undefined) {
    return (
      <div class="nowhere">
        <h2>This address cannot be shown</h2>
        <p>{wrong.text}</p>
        <p>
          <button
            type="button"
            onClick={() => setParams(Object.fromEntries(wrong.names.map((name) => [name, undefined])))}
          >
            Show the page without it
          </button>
        </p>
      </div>
    );
  }
  return (
    <div class="nowhere">
      <h2>There is no page here</h2>
      <p>
        Nothing is at{" "}
        <code>
          <bdi>{cutText(path, 120)}</bdi>
        </code>. It may be the page of a domain that does not run in this process{names.length > 0 && (
          <>
            ; these run: {names.map((name, i) => (
              <Fragment key={name}>
                {i > 0 && ", "}
                <Link to={`/${name}`}>{wordsOf(name)}</Link>
              </Fragment>
            ))}
          </>
        )}.
      </p>
      <p>
        <Link to="/">Go to the overview</Link>
      </p>
    </div>
  );
}
