// A value out of a table as a cell shows it, and what its type means for that.
import { cutText, numberText } from "../format.ts";

/** Characters of a cell. */
const CELL = 120;

export function ValueCell({ value }: { readonly value: unknown }) {
  if (value === null || value === undefined) return <span class="muted">NULL</span>;
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  if (text === "") return <span class="muted">""</span>;
  return (
    <bdi class="cell" title={text.length > CELL ? `${numberText(text.length)} characters` : undefined}>
      {cutText(text, CELL)}
    </bdi>
  );
}

/** Whether the column of a warehouse holds numbers. */
export function isNumeric(type: string): boolean {
  return /^(BIGINT|U?INTEGER|U?SMALLINT|U?TINYINT|DOUBLE|FLOAT|DECIMAL|NUMBER|FIXED|REAL|U?HUGEINT|UBIGINT)/.test(type);
}

/** Whether the column holds moments or days. */
export function isTime(type: string): boolean {
  return /^(TIMESTAMP|DATE)/.test(type);
}

interface ValueButtonProps {
  readonly column: string;
  readonly value: unknown;
  readonly onOnly: () => void;
  readonly onNot: () => void;
}

/** A value that rows can be chosen by: a click shows those that have it, with Ctrl, ⌘ or Shift those that have not. */
export function ValueButton({ column, value, onOnly, onNot }: ValueButtonProps) {
  return (
    // Out of the way of the Tab key, of which there would be thousands: filters are written with the form, too.
    <button
      type="button"
      class="value"
      tabIndex={-1}
      title={`Only rows with this ${column}; with Ctrl, ⌘ or Shift those with another`}
      onClick={(event) => event.ctrlKey || event.metaKey || event.shiftKey ? onNot() : onOnly()}
    >
      <ValueCell value={value} />
    </button>
  );
}
