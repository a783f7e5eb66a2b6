// Lines at the bottom of a terminal that are drawn again in place, while everything else is written above them. Knows nothing of
// what the lines say.
import stringWidth from "string-width";
import type { Output } from "./host.ts";

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const CLEAR_BELOW = "\x1b[J";
// deno-lint-ignore no-control-regex
const STYLE = /\x1b\[[0-9;]*m/g;

export class LiveBlock implements Disposable {
  /** As they are on the terminal now. */
  #lines: readonly string[] = [];
  #isOpen = true;

  constructor(private readonly out: Output) {
    out.write(HIDE_CURSOR);
  }

  /** Draws these lines in the place of those before, each cut to the terminal's width. */
  draw(lines: readonly string[]): void {
    const begin = this.#begin();
    // A line that fills the last column would go on in the next one on some terminals.
    this.#lines = lines.map((line) => cut(line, this.out.columns - 1));
    this.out.write(begin + this.#text());
  }

  /** Writes whole lines above. */
  above(text: string): void {
    this.out.write(this.#isOpen ? this.#begin() + text + this.#text() : text);
  }

  /** Leaves the last lines standing. */
  [Symbol.dispose](): void {
    if (this.#isOpen) this.out.write(SHOW_CURSOR);
    this.#isOpen = false;
  }

  /** Back to where the block begins; what is there goes. */
  #begin(): string {
    return this.#lines.length === 0 ? "" : `\x1b[${this.#lines.length}A\r${CLEAR_BELOW}`;
  }

  #text(): string {
    return this.#lines.map((line) => `${line}\n`).join("");
  }
}

/** The text in at most `width` columns, ending in an ellipsis where something is left out; what gives it colors takes none. */
export function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = "";
  let room = width - 1;
  let from = 0;
  for (const { 0: style, index } of [...text.matchAll(STYLE), { 0: "", index: text.length }]) {
    for (const character of text.slice(from, index)) {
      room -= stringWidth(character);
      if (room < 0) return `${kept}…${text.slice(index).match(STYLE)?.join("") ?? ""}`;
      kept += character;
    }
    kept += style;
    from = index + style.length;
  }
  return kept;
}
