// The command palette: pages, things with a page of their own, and what can be done, by a few letters of their names.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { cutText } from "../format.ts";

export interface Command {
  readonly title: string;
  /** What kind of thing it is, or the keys that do the same. */
  readonly hint: string;
  readonly run: () => void;
}

export interface PaletteProps {
  readonly commands: readonly Command[];
  readonly onClose: () => void;
}

const SHOWN = 12;

export function Palette({ commands, onClose }: PaletteProps) {
  const place = useRef<HTMLDialogElement>(null);
  const list = useId();
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  useEffect(() => {
    place.current?.showModal();
  }, []);
  const found = matching(commands, text).slice(0, SHOWN);
  const run = (command: Command | undefined) => {
    if (command === undefined) return;
    place.current?.close();
    command.run();
  };
  const move = (by: number) => setChosen((chosen + by + found.length) % Math.max(1, found.length));
  const keys: Readonly<Record<string, () => void>> = {
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Enter: () => run(found[chosen]),
  };
  return (
    <dialog
      ref={place}
      class="palette"
      aria-label="Go to a page, or do something"
      onClose={onClose}
      onClick={({ target }) => target === place.current && place.current?.close()}
    >
      <input
        type="text"
        role="combobox"
        aria-label="Page, train, zone, product, user or command"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={found[chosen] && `${list}-${chosen}`}
        autocomplete="off"
        placeholder="Go to a page, a train, a zone…"
        value={text}
        onInput={({ currentTarget: { value } }) => {
          setText(value);
          setChosen(0);
        }}
        onKeyDown={(event) => {
          if (!Object.hasOwn(keys, event.key)) return;
          event.preventDefault();
          keys[event.key]!();
        }}
      />
      <ul id={list} role="listbox" aria-label="What there is">
        {found.map((command, i) => (
          <li
            key={`${command.hint} ${command.title}`}
            id={`${list}-${i}`}
            role="option"
            aria-selected={i === chosen}
            onClick={() => run(command)}
            onPointerMove={() => setChosen(i)}
          >
            <bdi>{cutText(command.title, 80)}</bdi> <span class="muted">{command.hint}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p class="empty">Nothing is called that.</p>}
    </dialog>
  );
}

/** Those whose names hold the text, names that begin with it first. */
function matching(commands: readonly Command[], text: string): readonly Command[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return commands;
  const rank = ({ title }: Command) => title.toLowerCase().startsWith(wanted) ? 0 : 1;
  return commands.filter(({ title, hint }) => `${title} ${hint}`.toLowerCase().includes(wanted))
    .toSorted((a, b) => rank(a) - rank(b));
}
