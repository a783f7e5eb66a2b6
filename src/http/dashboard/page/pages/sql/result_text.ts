// Rows as text to be pasted elsewhere: into a spreadsheet, a program, a note.
import type { Rows } from "../../../../../panels/answers.ts";
import { csvText } from "../../csv_text.ts";

export const FORMATS = ["CSV", "JSON", "Markdown"] as const;
export type Format = typeof FORMATS[number];

export function resultText({ columns, rows }: Pick<Rows, "columns" | "rows">, format: Format): string {
  const names = columns.map(({ name }) => name);
  switch (format) {
    case "CSV":
      return csvText([names, ...rows.map((row) => row.map(plain))]);
    case "JSON":
      // As `freshet query --json`: an array with an element a line.
      return `[\n${
        rows.map((row) => JSON.stringify(Object.fromEntries(names.map((name, i) => [name, row[i] ?? null])))).join(
          ",\n",
        )
      }\n]\n`;
    case "Markdown":
      return [names, names.map(() => "---"), ...rows.map((row) => row.map(plain))]
        .map((cells) => `| ${cells.map((cell) => markdownCell(cell)).join(" | ")} |\n`).join("");
  }
}

function plain(value: unknown): string | number {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return value;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function markdownCell(value: string | number): string {
  return String(value).replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll(/\r?\n/g, "<br>");
}
