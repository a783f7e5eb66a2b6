// Rows as CSV text (RFC 4180) that other programs read back as they were. Knows no columns and no formulas.

import { stringify } from "csv-stringify/sync";

/**
 * Lines of cells, each line with its CRLF. Quoted is what holds a comma, a quote or any line break: a CR or LF alone ends a row
 * for most readers, too. So is an empty cell that is alone in its line, which would be no row at all.
 */
export function csvText(lines: readonly (readonly string[])[]): string {
  return stringify([...lines], {
    record_delimiter: "windows",
    quoted_match: /[\r\n]/,
    quoted_empty: lines[0]?.length === 1,
  });
}
