// Where in a statement an error is, by what the warehouse says of it.

/** A stretch of a statement and what is wrong there. */
export interface Fault {
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

/** The stretch that a message is about; `undefined` where it names none. Lines end in one character. */
export function faultOf(message: string, sql: string): Fault | undefined {
  const at = placeInDuckDb(message, sql) ?? placeInSnowflake(message, sql);
  if (at === undefined || at > sql.length) return undefined;
  const word = /^[\p{L}\p{N}_.]+/u.exec(sql.slice(at))?.[0] ?? sql.slice(at, at + 1);
  // Of an end of the statement that comes too early the last character is marked.
  return word === ""
    ? { from: Math.max(0, at - 1), to: at, message: briefly(message) }
    : { from: at, to: at + word.length, message: briefly(message) };
}

/** Without the copy of the line. */
function briefly(message: string): string {
  return message.replace(/\n+LINE \d+: [\s\S]*$/, "").trim();
}

/**
 * `LINE 2: …text of the line` and a `^` below the place. A long line is cut, and begins with three dots then. What is before
 * the first word may not have been counted.
 */
function placeInDuckDb(message: string, sql: string): number | undefined {
  const [, number, text = "", spaces = ""] = /LINE (\d+): (.*)\n( *)\^/.exec(message) ?? [];
  if (number === undefined) return undefined;
  const column = spaces.length - `LINE ${number}: `.length;
  const shown = text.replace(/^\.\.\./, "").replace(/\.\.\.$/, "");
  const begins = [sql.length - sql.trimStart().length, 0].map((skipped) =>
    skipped + beginOf(number, sql.slice(skipped))
  );
  for (const begin of begins) {
    const found = sql.slice(begin).split("\n", 1)[0]!.indexOf(shown);
    if (found >= 0) return begin + column + (text.startsWith("...") ? found - 3 : 0);
  }
  return undefined;
}

/** Where a line begins. */
function beginOf(line: string, text: string): number {
  return text.split("\n").slice(0, Number(line) - 1).reduce((sum, { length }) => sum + length + 1, 0);
}

/** `error line 2 at position 7`, or `syntax error line 2 at position 7`. */
function placeInSnowflake(message: string, sql: string): number | undefined {
  const [, line, position] = /error line (\d+) at position (\d+)/.exec(message) ?? [];
  if (line === undefined) return undefined;
  return beginOf(line, sql) + Number(position);
}
