// The head of every page: where one can go, and how the page behaves.
import { useEffect, useRef, useState } from "preact/hooks";
import type { About } from "../../protocol.ts";
import { setParams, useAddress } from "../address.ts";
import { type Zone, zoneText } from "../format.ts";
import { type Theme, THEMES } from "../look.ts";
import { pageNames } from "../pages.tsx";
import { Link } from "./link.tsx";
import { Shortcuts } from "./shortcuts.tsx";

const REFRESHES: readonly string[] = ["2", "5", "10", "30", "60"];
/** The server says what has changed as soon as it has. */
export const DEFAULT_REFRESH = "live";

export interface TopProps extends ControlsProps {
  readonly about: About;
  readonly path: string;
}

export function Top({ about, path, ...controls }: TopProps) {
  const bar = useRef<HTMLElement>(null);
  const { params } = useAddress();
  const page = `/${path.split("/")[1]}`;
  useEffect(() => {
    bar.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [page]);
  return (
    <header class="top">
      <Link to="/" class="brand">
        <img src="/icon.svg" alt="Freshet" width={22} height={22} /> <span aria-hidden="true">Freshet</span>
      </Link>
      <nav aria-label="Pages" ref={bar}>
        {pageNames(about).map(({ path, title }) => <Link key={path} to={path} current={page === path}>{title}</Link>)}
      </nav>
      <Shortcuts
        about={about}
        paused={controls.refresh === "0"}
        onTheme={() => controls.onTheme(nextTheme(controls.theme))}
      />
      <Controls {...controls} />
      {params.has("tv") && (
        <button type="button" class="quiet" onClick={() => setParams({ tv: undefined })}>End TV mode</button>
      )}
    </header>
  );
}

interface ControlsProps {
  /** Seconds, `live` for as it comes, "0" while paused. */
  readonly refresh: string;
  readonly zone: Zone;
  readonly theme: Theme;
  readonly onTheme: (theme: Theme) => void;
}

function nextTheme(theme: Theme): Theme {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
}

/** Seconds, with what the address has, whatever that is. */
function refreshesWith(refresh: string): readonly string[] {
  const isAnother = Number(refresh) > 0 && !REFRESHES.includes(refresh);
  return isAnother ? [...REFRESHES, refresh].toSorted((a, b) => Number(a) - Number(b)) : REFRESHES;
}

function Controls({ refresh, zone, theme, onTheme }: ControlsProps) {
  const paused = refresh === "0";
  const [isOpen, setIsOpen] = useState(false);
  return (
    <div class="controls">
      <button
        type="button"
        class="controls-button"
        aria-expanded={isOpen}
        aria-label="Settings of the page"
        onClick={() => setIsOpen(!isOpen)}
      >
        ⚙
      </button>
      <div class={`controls-items ${isOpen ? "controls-open" : ""}`}>
        <label class="field inline">
          <span>Refresh</span>
          <select
            value={refresh}
            onChange={({ currentTarget: { value } }) =>
              setParams({ refresh: value === DEFAULT_REFRESH ? undefined : value })}
          >
            <option value="0">paused</option>
            <option value={DEFAULT_REFRESH}>as it comes</option>
            {refreshesWith(refresh).map((seconds) => <option key={seconds} value={seconds}>every {seconds} s</option>)}
          </select>
        </label>
        <button
          type="button"
          aria-pressed={paused}
          onClick={() => setParams({ refresh: paused ? undefined : "0" })}
        >
          {paused ? "Resume" : "Pause"}
        </button>
        <button
          type="button"
          onClick={() => setParams({ tz: zone === "utc" ? "local" : undefined })}
          aria-label={`Times in ${zoneText(zone)}: change`}
          title={zone === "utc" ? "Times are UTC: show the browser's" : "Times are the browser's: show UTC"}
        >
          {zoneText(zone)}
        </button>
        <button
          type="button"
          aria-label={`Theme ${theme}: change`}
          title="Theme: auto, light, dark"
          onClick={() => onTheme(nextTheme(theme))}
        >
          {{ auto: "◐ auto", light: "○ light", dark: "● dark" }[theme]}
        </button>
      </div>
    </div>
  );
}
