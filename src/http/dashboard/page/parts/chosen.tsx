// Which of several things are shown: those chosen as buttons that take themselves away, and a field to add one.
import { useId } from "preact/hooks";
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
  const add = (input: HTMLInputElement) => {
    const value = input.value;
    if (!offered.includes(value) || chosen.includes(value)) return;
    input.value = "";
    setParams({ [name]: [...chosen, value] });
  };
  return (
    <>
      <label class="field">
        <span>{title}</span>
        <input
          type="text"
          list={list}
          autocomplete="off"
          placeholder={chosen.length === 0 ? "all" : "add"}
          onInput={(event) => add(event.currentTarget)}
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
