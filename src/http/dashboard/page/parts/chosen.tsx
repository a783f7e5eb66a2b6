// Which of several things are shown: those chosen as buttons that take themselves away, and a field to add one.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { setParams } from "../address.ts";
import { cutText } from "../format.ts";

export interface ChosenProps {
  /** Of the parameter in the address. */
  readonly name: string;
  readonly title: string;
  readonly chosen: readonly string[];
  readonly offered: readonly string[];
}

const OFFERED = 500;

export function Chosen({ name, title, chosen, offered }: ChosenProps) {
  const list = useId();
  const field = useRef<HTMLInputElement>(null);
  const [unknown, setUnknown] = useState(false);
  const take = () => {
    const wanted = field.current!.value.trim();
    const found = wanted === "" ? undefined : matchOf(wanted, offered);
    setUnknown(wanted !== "" && found === undefined && offered.length > 0);
    if (found === undefined) return;
    field.current!.value = "";
    if (!chosen.includes(found)) setParams({ [name]: [...chosen, found] });
  };
  // What was written before it was known what there is, unless somebody still writes.
  useEffect(() => {
    if (document.activeElement !== field.current) take();
  }, [offered]);
  return (
    <>
      <label class="field">
        <span>{title}</span>
        <input
          type="text"
          list={list}
          autocomplete="off"
          placeholder={chosen.length === 0 ? "all" : "add"}
          ref={field}
          aria-invalid={unknown}
          title={unknown ? `No ${title.toLowerCase()} of this name` : undefined}
          onChange={take}
          onInput={(event) => {
            setUnknown(false);
            // Picked from the list, not written: a name may be the beginning of another.
            if ((event as InputEvent).inputType === "insertReplacementText") take();
          }}
        />
      </label>
      <datalist id={list}>
        {offered.filter((value) => !chosen.includes(value)).slice(0, OFFERED).map((value) => (
          <option key={value} value={value} />
        ))}
      </datalist>
      {chosen.map((value) => (
        <button
          key={value}
          type="button"
          class="chip"
          aria-label={`${title} ${cutText(value, 60)}: take away`}
          onClick={() => setParams({ [name]: chosen.filter((other) => other !== value) })}
        >
          <bdi>{cutText(value, 30)}</bdi> <span aria-hidden="true">×</span>
        </button>
      ))}
    </>
  );
}

/** The one that is meant: the very name, or the only one that it is a part of. */
function matchOf(wanted: string, offered: readonly string[]): string | undefined {
  if (offered.includes(wanted)) return wanted;
  const near = offered.filter((value) => value.toLowerCase().includes(wanted.toLowerCase()));
  return near.length === 1 ? near[0] : undefined;
}
