// The settings of Snowflake, under the names that the systems before had. Part of the one schema in mod.ts.
// Must not know how they are used.
import type * as z from "zod";
import * as s from "./setting.ts";

export const SNOWFLAKE_SETTINGS = {
  SNOWFLAKE_ACCOUNT: s.textOrNone(
    {
      form: "an account identifier such as MYORG-MYACCOUNT, or the account's host name",
      pattern: /^(https?:\/\/)?[A-Za-z0-9_.-]+\/?$/i,
    },
    "Snowflake instead of the embedded warehouse.",
  ),
  SNOWFLAKE_USER: s.textOrNone({ form: "a user name" }, "User to log in to Snowflake as."),
  SNOWFLAKE_ROLE: s.textOrNone({ form: "a role's name" }, "Role in Snowflake; by default the user's."),
  SNOWFLAKE_QUERY_ROLE: s.textOrNone(
    { form: "a role's name" },
    "Role that queries run with, on a session of their own and without the user's other roles: one that may only read. By default the writer's.",
  ),
  SNOWFLAKE_WAREHOUSE: s.textOrNone({ form: "a warehouse's name" }, "Warehouse in Snowflake; by default the user's."),
  SNOWFLAKE_QUERY_WAREHOUSE: s.textOrNone(
    { form: "a warehouse's name" },
    "Warehouse that queries run in, on a session of their own, so that those who look keep no other awake. By default the writer's.",
  ),
  SNOWFLAKE_DATABASE: s.textOrNone({ form: "a database's name" }, "Database that the tables are in."),
  SNOWFLAKE_SCHEMA: s.text({ form: "a schema's name", default: "PUBLIC" }, "Schema that the tables are in."),
  SNOWFLAKE_PRIVATE_KEY: s.textOrNone(
    { form: "a private key: PEM with line breaks or \\n, or its base64 in one line", secret: true },
    "Private key of the user, instead of a password.",
  ),
  SNOWFLAKE_PRIVATE_KEY_PATH: s.textOrNone(
    { form: "a key file's path" },
    "File with the private key; read again at every login, so that a key can be replaced.",
  ),
  SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: s.textOrNone(
    { form: "a passphrase", secret: true },
    "Passphrase of the private key, if it has one.",
  ),
  SNOWFLAKE_PASSWORD: s.textOrNone({ form: "a password", secret: true }, "Password of the user, instead of a key."),
  SNOWFLAKE_ACCESS_TOKEN: s.textOrNone(
    { form: "a programmatic access token", secret: true },
    "Programmatic access token of the user, instead of a key.",
  ),
  SNOWFLAKE_OAUTH_TOKEN: s.textOrNone(
    { form: "an OAuth access token", secret: true },
    "OAuth access token, instead of a key.",
  ),
  SNOWFLAKE_ACCESS_URL: s.addressOrNone(
    "Where to reach Snowflake, for a private link; by default the account's own address.",
  ),
  SNOWFLAKE_RAW_INGEST: s.choice(
    ["sql", "streaming"],
    "sql",
    "How raw rows are written: sql, with what is derived of them; streaming, ahead of it by Snowpipe Streaming, within seconds and without a warehouse, for which a key pair is needed.",
  ),
  SNOWFLAKE_REQUEST_BYTES: s.whole(
    { min: 65_536, max: 16_777_216, default: 6_291_456, unit: "bytes" },
    "Rows in one request, before they are compressed; halved by itself where Snowflake or a proxy refuses one for its size.",
  ),
};

type Values = { readonly [Name in keyof typeof SNOWFLAKE_SETTINGS]: z.output<(typeof SNOWFLAKE_SETTINGS)[Name]> };

/** How to prove to Snowflake who one is. */
export type SnowflakeCredentials =
  | {
    readonly kind: "key";
    /** PEM, or its base64. */
    readonly key: { readonly text: string } | { readonly path: string };
    readonly passphrase: string | undefined;
  }
  | { readonly kind: "password"; readonly password: string }
  | { readonly kind: "access token"; readonly token: string }
  | { readonly kind: "oauth token"; readonly token: string };

/** Snowflake as configured. */
export interface SnowflakeConfig {
  readonly account: string;
  readonly user: string;
  readonly role: string | undefined;
  /** Of queries, instead of the writer's. */
  readonly queryRole: string | undefined;
  readonly warehouse: string | undefined;
  /** Of queries, instead of the writer's. */
  readonly queryWarehouse: string | undefined;
  readonly database: string;
  readonly schema: string;
  readonly accessUrl: string | undefined;
  readonly rawIngest: "sql" | "streaming";
  readonly requestBytes: number;
  readonly credentials: SnowflakeCredentials;
}

/** Ways to log in, the one that counts first. */
const CREDENTIALS = [
  "SNOWFLAKE_PRIVATE_KEY",
  "SNOWFLAKE_PRIVATE_KEY_PATH",
  "SNOWFLAKE_ACCESS_TOKEN",
  "SNOWFLAKE_OAUTH_TOKEN",
  "SNOWFLAKE_PASSWORD",
] as const;

/** Snowflake as configured; `undefined` without an account, or without what {@link missingForSnowflake} names. */
export function snowflakeConfig(v: Values): SnowflakeConfig | undefined {
  const credentials = credentialsOf(v);
  if (!v.SNOWFLAKE_ACCOUNT || !v.SNOWFLAKE_USER || !v.SNOWFLAKE_DATABASE || !credentials) return undefined;
  return {
    account: accountOf(v.SNOWFLAKE_ACCOUNT),
    user: v.SNOWFLAKE_USER,
    role: v.SNOWFLAKE_ROLE,
    queryRole: v.SNOWFLAKE_QUERY_ROLE,
    warehouse: v.SNOWFLAKE_WAREHOUSE,
    queryWarehouse: v.SNOWFLAKE_QUERY_WAREHOUSE,
    database: v.SNOWFLAKE_DATABASE,
    schema: v.SNOWFLAKE_SCHEMA,
    accessUrl: v.SNOWFLAKE_ACCESS_URL,
    rawIngest: v.SNOWFLAKE_RAW_INGEST,
    requestBytes: v.SNOWFLAKE_REQUEST_BYTES,
    credentials,
  };
}

/** The account's identifier, also out of its host name or address. */
function accountOf(given: string): string {
  return given.replace(/^https?:\/\//i, "").replace(/\/$/, "").replace(/\.snowflakecomputing\.(com|cn)$/i, "");
}

function credentialsOf(v: Values): SnowflakeCredentials | undefined {
  const passphrase = v.SNOWFLAKE_PRIVATE_KEY_PASSPHRASE;
  if (v.SNOWFLAKE_PRIVATE_KEY) return { kind: "key", key: { text: v.SNOWFLAKE_PRIVATE_KEY }, passphrase };
  if (v.SNOWFLAKE_PRIVATE_KEY_PATH) return { kind: "key", key: { path: v.SNOWFLAKE_PRIVATE_KEY_PATH }, passphrase };
  if (v.SNOWFLAKE_ACCESS_TOKEN) return { kind: "access token", token: v.SNOWFLAKE_ACCESS_TOKEN };
  if (v.SNOWFLAKE_OAUTH_TOKEN) return { kind: "oauth token", token: v.SNOWFLAKE_OAUTH_TOKEN };
  if (v.SNOWFLAKE_PASSWORD) return { kind: "password", password: v.SNOWFLAKE_PASSWORD };
  return undefined;
}

/** Whether there are credentials, and none that Snowpipe Streaming takes. */
function needsKey(given: Readonly<Record<string, string>>): boolean {
  if (given.SNOWFLAKE_RAW_INGEST?.toLowerCase() !== "streaming") return false;
  const used = CREDENTIALS.find((name) => given[name]);
  return used !== undefined && !used.startsWith("SNOWFLAKE_PRIVATE_KEY");
}

/** What an account makes necessary and is not given: name, why, and the expected form. */
export function missingForSnowflake(
  given: Readonly<Record<string, string>>,
): readonly (readonly [name: string, because: string, form: string])[] {
  if (!given.SNOWFLAKE_ACCOUNT) return [];
  const because = "SNOWFLAKE_ACCOUNT is set";
  const others = CREDENTIALS.filter((name) => name !== "SNOWFLAKE_PRIVATE_KEY_PATH").join(", ");
  return [
    ["SNOWFLAKE_USER", because, "a user name"],
    ["SNOWFLAKE_DATABASE", because, "a database's name"],
    ...(CREDENTIALS.some((name) => given[name])
      ? []
      : [["SNOWFLAKE_PRIVATE_KEY_PATH", because, `a key file's path, or one of ${others} instead`]] as const),
    ...(needsKey(given)
      ? [["SNOWFLAKE_PRIVATE_KEY_PATH", "SNOWFLAKE_RAW_INGEST is streaming", "a key file's path"]] as const
      : []),
  ];
}

/** What looks like a mistake but does not stop anything. */
export function doubtfulSnowflake(given: Readonly<Record<string, string>>): readonly string[] {
  const warnings: string[] = [];
  const [used, ...unused] = CREDENTIALS.filter((name) => given[name]);
  if (unused.length > 0) warnings.push(`${used} is used to log in to Snowflake, not ${unused.join(", ")}`);
  const idle = Object.keys(SNOWFLAKE_SETTINGS).filter((name) => given[name]);
  if (idle.length > 0 && !given.SNOWFLAKE_ACCOUNT) {
    warnings.push(`${idle.join(", ")} set, but not SNOWFLAKE_ACCOUNT: the embedded warehouse is used, not Snowflake`);
  }
  const { SNOWFLAKE_ROLE: role, SNOWFLAKE_QUERY_ROLE: queryRole } = given;
  if (queryRole && role?.toUpperCase() === queryRole.toUpperCase()) {
    warnings.push(
      `SNOWFLAKE_QUERY_ROLE is the writer's role ${role}: name one that may only read, such as FRESHET_READER of "freshet sql setup"`,
    );
  }
  return warnings;
}
