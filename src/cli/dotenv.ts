// Reads `.env` files. Our own: jsr:@std/dotenv cuts a value at a `#` and takes `$NAME` for a variable, and node's parseEnv takes
// the next line for an empty value.
//
// Such a file is read by whatever runs the program, so a value must be the same to all of them. This follows python-dotenv
// (its parser's grammar, in its order), and Docker Compose where that is stricter:
// - a value ends with its line; `#` begins a comment only behind a blank; nothing behind `=` is an empty value, also
//   with a comment behind a blank;
// - in double quotes `\n`, `\"` and the like are escapes, in single quotes only `\'` and `\\`; both may go over several lines;
// - `${NAME}` and `${NAME:-otherwise}` stand for a variable except in single quotes; a `$` alone is itself;
// - what is no assignment is an error, where python-dotenv leaves it out.

const BLANK = /[^\S\r\n]*/y;
const SPACE = /\s*/y;
const EXPORT = /(?:export[^\S\r\n]+)?/y;
const KEY = /'([^']+)'|([^=#\s'][^=#\s]*)/y;
const EQUALS = /=[^\S\r\n]*/y;
const QUOTED = /'((?:\\'|[^'])*)'|"((?:\\"|[^"])*)"/y;
const UNQUOTED = /[^\r\n]*/y;
const END = /[^\S\r\n]*(?:#[^\r\n]*)?(?:\r\n|\n|\r|$)/y;
const VARIABLE = /\$\{([^}:]*)(?::-([^}]*))?\}/g;
const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/**
 * Reads the text of a `.env` file into names and values. A name without `=` has no value, and takes one from before away; of a name that is
 * there twice the last one counts. `environment` has the variables that stand in values, and goes before the file's own.
 *
 * Throws `SyntaxError` with the number of the line, and nothing of what stands there.
 */
export function parse(
  text: string,
  environment: Readonly<Record<string, string | undefined>> = {},
): Record<string, string> {
  const values = new Map<string, string>();
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  const filled = (value: string) =>
    value.replace(
      VARIABLE,
      (_, name: string, otherwise?: string) => environment[name] ?? values.get(name) ?? otherwise ?? "",
    );
  while (take(SPACE), at < text.length) {
    const start = at;
    const fail = () => new SyntaxError(`line ${text.slice(0, start).split(/\r\n|\n|\r/).length} is no NAME=value`);
    if (text[at] !== "#") {
      take(EXPORT);
      const key = take(KEY);
      if (!key) throw fail();
      take(BLANK);
      const name = key[1] ?? key[2]!;
      const equals = take(EQUALS)?.[0];
      if (equals === undefined) values.delete(name);
      else values.set(name, text[at] === "#" && equals !== "=" ? "" : valueHere());
    }
    if (!take(END)) throw fail();
  }
  return Object.fromEntries(values);

  function valueHere(): string {
    const quoted = take(QUOTED);
    if (quoted?.[1] !== undefined) return quoted[1].replace(/\\([\\'])/g, "$1");
    if (quoted?.[2] !== undefined) {
      return filled(quoted[2].replace(/\\([\\'"abfnrtv])/g, (_, letter: string) => ESCAPES[letter] ?? letter));
    }
    // A quote that nothing closes stays where it is, and what comes behind it is no end of a line.
    if (text[at] === "'" || text[at] === '"') return "";
    const value = take(UNQUOTED)![0];
    return filled(value.replace(/\s+#.*/, "").trimEnd());
  }
}
