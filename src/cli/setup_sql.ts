// The files of sql/snowflake/ as parts of a set-up, and filling in the names and numbers of an installation. The files run
// as they are, too: what is filled in are their default names, as whole words, and numbers with a setting's name beside
// them. Knows nothing of settings or of the terminal.
import userAndRoles from "../../sql/snowflake/01_user_and_roles.sql" with { type: "text" };
import warehouse from "../../sql/snowflake/02_warehouse.sql" with { type: "text" };
import database from "../../sql/snowflake/03_database.sql" with { type: "text" };
import grants from "../../sql/snowflake/04_grants.sql" with { type: "text" };
import clustering from "../../sql/snowflake/05_clustering.sql" with { type: "text" };
import { domainModules } from "../domains/mod.ts";
import { withNumbers } from "../warehouse/sql/numbers.ts";
import { snowflakeDialect, type Token, tokens } from "../warehouse/sql/scripts.ts";

/** A file of sql/snowflake/. */
export interface SetupPart {
  readonly name: string;
  readonly title: string;
  readonly text: string;
  /** Not for everybody, and not to be run without a thought. */
  readonly optional: boolean;
}

/** Each domain's Dynamic Tables. */
const dynamicTables: readonly SetupPart[] = domainModules.flatMap(({ name, dynamicTables: text }) =>
  text === undefined ? [] : [{
    name: `dynamic-tables-${name}`,
    title: `${name} by Dynamic Tables instead of Freshet (drops what Freshet derived)`,
    text,
    optional: true,
  }]
);

/** In the order in which they are to be run. */
export const SETUP_PARTS: readonly SetupPart[] = [
  { name: "user", title: "the user, the writer's and the reader's role", text: userAndRoles, optional: false },
  { name: "warehouse", title: "the warehouse and its resource monitor", text: warehouse, optional: false },
  { name: "database", title: "database and schema", text: database, optional: false },
  { name: "grants", title: "what the roles may do", text: grants, optional: false },
  { name: "clustering", title: "clustering keys for tables of terabytes", text: clustering, optional: true },
  ...dynamicTables,
];

/** What is filled in. */
export interface Filling {
  /** Identifiers, ready for SQL, by the default name that stands for them. */
  readonly names: ReadonlyMap<string, string>;
  /** The number for a setting; `undefined` leaves the one in the file. */
  readonly number: (setting: string) => number | undefined;
  /** Body of the PEM, base64; `undefined` leaves the gap. */
  readonly publicKey: string | undefined;
}

const KEY_GAP = "'<public key>'";

/** The text with names, numbers and key in it. Text in quotes and comments stays, but for the gap of the key. */
export function fillIn(text: string, { names, number, publicKey }: Filling): string {
  const all = [...tokens(withNumbers(text, number), snowflakeDialect)];
  return all.map((token) => replaced(token, names, publicKey)).join("");
}

function replaced(token: Token, names: Filling["names"], publicKey: string | undefined): string {
  if (token.kind === "word") return names.get(token.text) ?? token.text;
  return token.text === KEY_GAP && publicKey !== undefined ? `'${publicKey}'` : token.text;
}
