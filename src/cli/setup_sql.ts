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
  { name: "warehouse", title: "the warehouses and their resource monitors", text: warehouse, optional: false },
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
  /** Of the warehouses; `undefined` leaves the one in the file. */
  readonly generation?: Generation | undefined;
}

/** Of Snowflake's standard warehouses. */
export const GENERATIONS = ["1", "2"] as const;
export type Generation = typeof GENERATIONS[number];

/**
 * Credits that an X-Small warehouse uses in an hour: of the second generation as many on AWS and GCP, on Azure 1.25. Snowflake's
 * Service Consumption Table, 1(a).
 */
export const CREDITS_AN_HOUR: Readonly<Record<Generation, number>> = { "1": 1, "2": 1.35 };

const HOURS_OF_LONGEST_MONTH = 31 * 24;

/** Credits for a month in which the warehouse never sleeps, and something over, so that no month ends before its time. */
export function monthlyQuota(generation: Generation): number {
  return Math.ceil(HOURS_OF_LONGEST_MONTH * CREDITS_AN_HOUR[generation] * 1.075 / 10) * 10;
}

const KEY_GAP = "'<public key>'";
/** The only text in quotes of the files that is this. */
const GENERATION_GAP = "'1'";

/** The text with names, numbers and key in it. Text in quotes and comments stays, but for the gap of the key. */
export function fillIn(text: string, filling: Filling): string {
  const all = [...tokens(withNumbers(text, filling.number), snowflakeDialect)];
  return all.map((token) => replaced(token, filling)).join("");
}

function replaced(token: Token, { names, publicKey, generation }: Filling): string {
  if (token.kind === "word") return names.get(token.text) ?? token.text;
  if (token.text === KEY_GAP && publicKey !== undefined) return `'${publicKey}'`;
  return token.text === GENERATION_GAP && generation !== undefined ? `'${generation}'` : token.text;
}
