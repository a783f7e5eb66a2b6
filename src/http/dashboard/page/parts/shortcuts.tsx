// Palette, keys and their list: what works on every page.
import { Fragment } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { About } from "../../protocol.ts";
import { goTo, setParams } from "../address.ts";
import { domainPages } from "../domain_pages.ts";
import { useKeys } from "../keys.ts";
import { type PageName, pageNames } from "../pages.tsx";
import { TV_SECONDS } from "../tv.ts";
import { Dialog } from "./dialog.tsx";
import { type Command, Palette } from "./palette.tsx";

export interface ShortcutsProps {
  readonly about: About;
  readonly paused: boolean;
  readonly onTheme: () => void;
}

export function Shortcuts({ about, paused, onTheme }: ShortcutsProps) {
  const [open, setOpen] = useState<"palette" | "help">();
  const pages = useMemo(() => lettered(pageNames(about)), [about]);
  const pause = () => setParams({ refresh: paused ? undefined : "0" });
  useKeys({
    goTo: new Map(pages.map(({ letter, path }) => [letter, () => goTo(path)])),
    onPalette: () => setOpen("palette"),
    onHelp: () => setOpen("help"),
    onPause: pause,
  });
  const close = () => setOpen(undefined);
  const actions: readonly Command[] = [
    { title: paused ? "Resume" : "Pause", hint: "p", run: pause },
    { title: "Change the theme", hint: "light, dark, auto", run: onTheme },
    {
      title: "Copy the link to this page",
      hint: "as it is shown",
      run: () => navigator.clipboard.writeText(location.href),
    },
    { title: "SQL", hint: "explore with a statement", run: () => goTo("/explore/sql") },
    { title: "TV mode", hint: "one page after another; Esc ends it", run: () => setParams({ tv: String(TV_SECONDS) }) },
    { title: "Print", hint: "this page", run: () => print() },
    { title: "Keys", hint: "?", run: () => setTimeout(() => setOpen("help")) },
  ];
  return (
    <>
      <button
        type="button"
        class="search-button"
        aria-label="Search: pages, trains, zones, commands"
        onClick={() => setOpen("palette")}
      >
        <span aria-hidden="true">⌕</span> <span class="search-word" aria-hidden="true">Search</span>{" "}
        <kbd aria-hidden="true">/</kbd>
      </button>
      {open === "palette" && <FullPalette about={about} pages={pages} actions={actions} onClose={close} />}
      {open === "help" && <Help pages={pages} onClose={close} />}
    </>
  );
}

interface LetteredPage extends PageName {
  /** Its key after `g`: a letter of its name that no page before it has. */
  readonly letter: string;
}

function lettered(pages: readonly PageName[]): readonly LetteredPage[] {
  const taken = new Set<string>();
  return pages.map((page) => {
    const letter = [...page.title.toLowerCase()].find((one) => /[a-z]/.test(one) && !taken.has(one)) ?? "";
    taken.add(letter);
    return { ...page, letter };
  });
}

interface FullPaletteProps {
  readonly about: About;
  readonly pages: readonly LetteredPage[];
  readonly actions: readonly Command[];
  readonly onClose: () => void;
}

/** With the things that have pages; they are asked for when the palette is open, once. */
function FullPalette({ about, pages, actions, onClose }: FullPaletteProps) {
  const ids = useIds(about);
  const commands = [
    ...pages.map(({ title, path, letter }) => ({ title, hint: `g ${letter}`, run: () => goTo(path) })),
    ...actions,
    ...ids,
  ];
  return <Palette commands={commands} onClose={onClose} />;
}

/** Of all domains that run. The list of pages never changes, so the same hooks are called each time. */
function useIds(about: About): readonly Command[] {
  return [...domainPages].flatMap(([name, { ids }]) => {
    const isAsked = about.domains.some((domain) => domain.name === name && !domain.is_made);
    const found = ids?.use(isAsked) ?? [];
    return found.map((id) => ({
      title: id,
      hint: ids?.hint ?? "",
      run: () => goTo(`/${name}/${encodeURIComponent(id)}`),
    }));
  });
}

const IN_CHARTS = [
  ["drag", "show that stretch in all charts"],
  ["Shift and drag", "move the stretch"],
  ["double click, 0", "back to the range before"],
  ["click, Enter", "pin the values of a moment"],
  ["← →, + −", "the moment before and after; nearer and farther"],
  ["click on a name", "show it alone, or all again; with Ctrl or ⌘ hide or show it"],
] as const;

function Help({ pages, onClose }: { readonly pages: readonly LetteredPage[]; readonly onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="keys">
        <dt>/ or Ctrl K</dt>
        <dd>search pages, trains, zones and commands</dd>
        {pages.map(({ letter, title }) => (
          <Fragment key={letter}>
            <dt>g {letter}</dt>
            <dd>{title}</dd>
          </Fragment>
        ))}
        <dt>p</dt>
        <dd>pause or resume</dd>
        <dt>?</dt>
        <dd>these keys</dd>
        {IN_CHARTS.map(([keys, what]) => (
          <Fragment key={keys}>
            <dt>{keys}</dt>
            <dd>{what}</dd>
          </Fragment>
        ))}
      </dl>
    </Dialog>
  );
}
