// The small shell of `query`: statements that end in a semicolon, over as many lines as they need, and a few words of its own.
import { FreshetError } from "../errors.ts";
import type { Context } from "./context.ts";
import { knownTables } from "./tables.ts";

const HELP = `A statement ends in a semicolon; it may take several lines.
  tables      lists tables and views
  describe T  the columns of a table
  vertical    rows as blocks of lines, or as a table again
  exit        leaves, as Ctrl-D does
`;

/** How rows are shown from now on. */
interface Shown {
  readonly vertical: boolean;
}

type StatementsIn = (text: string) => readonly string[];

/** Answers one statement. Rejects with what is wrong with it. */
type Answer = (sql: string, shown: Shown) => Promise<void>;

/** Reads statements until there is no more to read; what is wrong with one is said, and the next is read. */
export async function runShell(context: Context, answer: Answer): Promise<void> {
  const { stdin, stderr } = context.host;
  const { statementsIn } = context.parts.warehouseTraits(context.config());
  stderr.write(`Statements end in a semicolon. "help" says more, "exit" leaves.\n`);
  let pending = "";
  let shown: Shown = { vertical: false };
  const prompt = () => stderr.write(pending === "" ? "freshet> " : "      -> ");
  prompt();
  for await (const line of linesOf(stdin)) {
    const word = pending === "" ? line.trim().replace(/;$/, "").toLowerCase() : "";
    if (word === "exit" || word === "quit") return;
    if (word === "vertical") {
      shown = { vertical: !shown.vertical };
      stderr.write(shown.vertical ? "Rows are blocks of lines\n" : "Rows are a table\n");
    } else if (word === "help") stderr.write(HELP);
    else if (word === "tables") context.host.stdout.write(tableNames(context));
    else {
      pending += `${line}\n`;
      const ready = isWhole(pending, statementsIn) ? pending : undefined;
      if (ready !== undefined || pending.trim() === "") pending = "";
      if (ready !== undefined) await tryAll(context, statementsIn(ready), (sql) => answer(sql, shown));
    }
    prompt();
  }
  stderr.write("\n");
}

/** Whether the text ends where a statement does. */
function isWhole(text: string, statementsIn: StatementsIn): boolean {
  if (/^\s*describe\s+\w+\s*;?\s*$/i.test(text)) return true;
  // A semicolon within a text or a comment splits nothing: with another statement behind there must be one more.
  const count = (of: string) => statementsIn(of).length;
  return text.trimEnd().endsWith(";") && count(`${text}\nSELECT 1`) > count(text);
}

async function tryAll(
  context: Context,
  statements: readonly string[],
  answer: (sql: string) => Promise<void>,
): Promise<void> {
  try {
    for (const statement of statements) {
      const [, table] = /^\s*describe\s+(\w+)\s*$/i.exec(statement) ?? [];
      const columns =
        `SELECT COLUMN_NAME AS NAME, DATA_TYPE AS TYPE FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = '${table?.toUpperCase()}'`;
      await answer(table === undefined ? statement : `${columns} ORDER BY ORDINAL_POSITION`);
    }
  } catch (error) {
    if (!(error instanceof FreshetError)) throw error;
    context.host.stderr.write(`${error.message}\n`);
  }
}

function tableNames(context: Context): string {
  return knownTables(context.domains()).tables.map(({ name }) => `${name}\n`).join("");
}

async function* linesOf(bytes: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  let rest = "";
  for await (const text of bytes.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}
