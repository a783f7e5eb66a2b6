// One Snowflake account: logs in, and sets each new session up. Sessions are made by session.ts.
// Must not know tables or units.

import { WarehouseRefusedError, WarehouseUnavailableError } from "../../errors.ts";
import { type Credentials, type Proof, proofOf } from "./credentials.ts";
import { Connection } from "./driver.ts";
import { isLoginRefusal, type Place, translate, translateLogin } from "./errors.ts";

export interface AccountOptions {
  /** `ORGANIZATION-ACCOUNT`, or the older `LOCATOR.REGION`. */
  readonly account: string;
  readonly user: string;
  readonly role?: string | undefined;
  /** Whether sessions have the rights of that role alone: others of the user's are not added as secondary roles. */
  readonly onlyRole?: boolean;
  readonly warehouse?: string | undefined;
  readonly database: string;
  readonly schema: string;
  /** Instead of the account's own address. */
  readonly accessUrl?: string | undefined;
  readonly credentials: Credentials;
  readonly limits: Limits;
}

/** How long things may take, and how much goes into one statement. */
export interface Limits {
  /** Bytes of rows in one bind, as they are sent. Snowflake takes requests of 16 MB, and a VARIANT of 16 MiB, which a bind is while it is taken apart. */
  readonly chunkBytes: number;
  /** Seconds until Snowflake gives a statement up. */
  readonly statementSeconds: number;
  /** Seconds that a statement waits for a table that another transaction has locked. */
  readonly lockSeconds: number;
  /** Added to `statementSeconds` for what the driver does before it gives up: 7 retries, up to 75 s. */
  readonly driverMs: number;
  /** A transaction without a statement for so long is taken for one of a process that was killed, when it is in the way. */
  readonly abandonedSeconds: number;
}

export const LIMITS: Limits = {
  chunkBytes: 12 * 1024 * 1024,
  statementSeconds: 300,
  lockSeconds: 10,
  driverMs: 90_000,
  abandonedSeconds: 10,
};

/** Text as a literal in SQL: backslashes escape in Snowflake. */
export function literal(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** What a connection is for, for the query tag and for messages. */
export interface Purpose {
  /** `freshet:trains`. */
  readonly tag: string;
}

export class Account {
  readonly limits: Limits;
  readonly #options: AccountOptions;
  #place: Place;
  /** Whether a login has succeeded before: then a refusal may be a key that is being replaced. */
  #known = false;
  #closed = false;

  constructor(options: AccountOptions) {
    this.#options = options;
    this.limits = options.limits;
    const { account, user, role, onlyRole, warehouse, database, schema } = options;
    const roleSetting = onlyRole ? "SNOWFLAKE_QUERY_ROLE" : "SNOWFLAKE_ROLE";
    this.#place = { account, user, role, roleSetting, warehouse, database, schema };
  }

  /** The same account as it is for those who read: with this role and no other right of the user's. */
  readingAs(role: string): Account {
    return new Account({ ...this.#options, role, onlyRole: true });
  }

  /** For messages. */
  get place(): Place {
    return this.#place;
  }

  get description(): string {
    const { account, database, schema } = this.#options;
    return `Snowflake ${account}, ${database}.${schema}`;
  }

  /** No new work, no new connections. */
  close(): void {
    this.#closed = true;
  }

  /** Errors: `WarehouseUnavailableError` after `close`. */
  checkOpen(): void {
    if (this.#closed) throw new WarehouseUnavailableError(`The warehouse (${this.description}) is closed`);
  }

  /** A new session. Errors: `WarehouseRefusedError`, `WarehouseUnavailableError`. */
  async connect(purpose: Purpose): Promise<Connection> {
    this.checkOpen();
    const connection = await this.#logIn(await proofOf(this.#options.credentials));
    try {
      await this.#setUp(connection, purpose);
    } catch (error) {
      await connection.close();
      throw translate(error, this.#place);
    }
    this.#known = true;
    return connection;
  }

  async #logIn(proof: Proof): Promise<Connection> {
    try {
      return await this.#open(proof);
    } catch (error) {
      if (!isLoginRefusal(error)) throw translateLogin(error, this.#place);
      // The key may have been replaced between reading the file and logging in.
      const again = await proofOf(this.#options.credentials);
      if (again.fingerprint !== proof.fingerprint) return await this.#logIn(again);
      const refusal = translateLogin(error, this.#place);
      // A program that was in before can wait for its new key; a restart of the domain comes back here.
      if (this.#known && this.#readsFile()) throw new WarehouseUnavailableError(refusal.message, { cause: error });
      throw refusal;
    }
  }

  #readsFile(): boolean {
    const { credentials } = this.#options;
    return credentials.kind === "key" && "path" in credentials.key;
  }

  async #open({ options, fingerprint }: Proof): Promise<Connection> {
    const { account, user, role, warehouse, database, schema, accessUrl } = this.#options;
    this.#place = { ...this.#place, fingerprint };
    return await Connection.open({
      ...options,
      account,
      username: user,
      database,
      schema,
      application: "Freshet",
      ...(role === undefined ? {} : { role }),
      ...(warehouse === undefined ? {} : { warehouse }),
      ...(accessUrl === undefined ? {} : { accessUrl: accessUrl.replace(/\/$/, "") }),
    }, this.limits.driverMs);
  }

  /** A login succeeds although the database or the schema is not there: that is found out here. */
  async #setUp(connection: Connection, { tag }: Purpose): Promise<void> {
    const { lockSeconds, statementSeconds } = this.limits;
    const options = { deadlineMs: this.limits.driverMs };
    await connection.execute(
      `ALTER SESSION SET TIMEZONE = 'UTC', QUERY_TAG = ${literal(tag)}, LOCK_TIMEOUT = ${lockSeconds}, ` +
        `STATEMENT_TIMEOUT_IN_SECONDS = ${statementSeconds}, ERROR_ON_NONDETERMINISTIC_MERGE = TRUE, ` +
        // What an administrator may have set otherwise, and this adapter leans on.
        "AUTOCOMMIT = TRUE, TRANSACTION_ABORT_ON_ERROR = FALSE, ROWS_PER_RESULTSET = 0, DATE_INPUT_FORMAT = 'AUTO'",
      [],
      options,
    );
    // A user's other roles are secondary ones unless refusal otherwise (DEFAULT_SECONDARY_ROLES), and would let it write.
    if (this.#options.onlyRole) await connection.execute("USE SECONDARY ROLES NONE", [], options);
    const { rows } = await connection.execute("SELECT CURRENT_DATABASE(), CURRENT_SCHEMA()", [], options);
    const [database, schema] = rows[0] ?? [];
    const { account, role = "of the user" } = this.#place;
    const missing = database === null
      ? `database "${this.#options.database}"`
      : schema === null
      ? `schema "${this.#options.schema}" in database "${database}"`
      : undefined;
    if (missing === undefined) return;
    throw new WarehouseRefusedError(
      `Snowflake account "${account}" has no ${missing}, or role "${role}" may not use it: check SNOWFLAKE_DATABASE and ` +
        `SNOWFLAKE_SCHEMA, create it ("freshet sql setup"), or GRANT USAGE`,
    );
  }
}
