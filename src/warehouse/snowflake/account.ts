// One Snowflake account: logs in, and sets each new session up. Sessions are made by session.ts.
// Must not know tables or units.

import { WarehouseRefusedError, WarehouseUnavailableError } from "../../errors.ts";
import { type Credentials, type Proof, proofOf } from "./credentials.ts";
import { Connection } from "./driver.ts";
import { isLoginRefusal, type Place, translate, translateLogin } from "./errors.ts";
import { ifReachable } from "./reachability.ts";
import { RequestSize } from "./request_size.ts";
import type { ServiceOptions, StreamingLimits } from "./streaming/service.ts";

export interface AccountOptions {
  /** `ORGANIZATION-ACCOUNT`, or the older `LOCATOR.REGION`. */
  readonly account: string;
  readonly user: string;
  readonly role?: string | undefined;
  readonly warehouse?: string | undefined;
  /** What those who read have of their own. */
  readonly reads?: Reading;
  readonly database: string;
  readonly schema: string;
  /** Instead of the account's own address. */
  readonly accessUrl?: string | undefined;
  readonly credentials: Credentials;
  readonly limits: Limits;
  /** Told what an operator should know of, and need not act on. */
  readonly onWarning?: (message: string) => void;
}

/** A role, which is then the only one: no other of the user's is added as a secondary role; or a warehouse; or both. */
export interface Reading {
  readonly role: string | undefined;
  readonly warehouse: string | undefined;
}

/** How long things may take, and how much goes into one statement. */
export interface Limits {
  /** Bytes of rows in one bind, before they are compressed. A bind is a VARIANT while it is taken apart, which holds 16 MiB in older accounts. */
  readonly requestBytes: number;
  /** Seconds until Snowflake gives a statement up. */
  readonly statementSeconds: number;
  /** Seconds that a statement waits for a table that another transaction has locked. */
  readonly lockSeconds: number;
  /** Added to `statementSeconds` for what the driver does before it gives up: 7 retries, up to 75 s. */
  readonly driverMs: number;
  /** A transaction without a statement for so long is taken for one of a process that was killed, when it is in the way. */
  readonly abandonedSeconds: number;
  /** Of Snowpipe Streaming. */
  readonly streaming: StreamingLimits;
}

export const LIMITS: Limits = {
  // Of trains 1 MB when compressed, which is what Snowflake recommends at most.
  requestBytes: 6 * 1024 * 1024,
  statementSeconds: 300,
  lockSeconds: 10,
  driverMs: 90_000,
  abandonedSeconds: 10,
  streaming: { requestMs: 30_000, retryMs: 60_000, storedMs: 120_000, countedMs: 30_000 },
};

/** Text as a literal in SQL: backslashes escape in Snowflake. */
export function literal(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** Where the driver looks for an account. */
function addressOf(account: string): string {
  return `https://${account}.snowflakecomputing.${/\.cn-/i.test(account) ? "cn" : "com"}`;
}

/** What a connection is for, for the query tag and for messages. */
export interface Purpose {
  /** `freshet:trains`. */
  readonly tag: string;
}

export class Account {
  readonly limits: Limits;
  readonly requestSize: RequestSize;
  readonly #options: AccountOptions;
  #place: Place;
  /** Whether a login has succeeded before: then a refusal may be a key that is being replaced. */
  #known = false;
  #closed = false;

  constructor(options: AccountOptions) {
    this.#options = options;
    this.limits = options.limits;
    this.requestSize = new RequestSize(options.limits.requestBytes, options.onWarning ?? (() => {}));
    const { account, user, role, reads, warehouse, database, schema } = options;
    const roleSetting = reads?.role === undefined ? "SNOWFLAKE_ROLE" : "SNOWFLAKE_QUERY_ROLE";
    const warehouseSetting = reads?.warehouse === undefined ? "SNOWFLAKE_WAREHOUSE" : "SNOWFLAKE_QUERY_WAREHOUSE";
    this.#place = { account, user, role, roleSetting, warehouse, warehouseSetting, database, schema };
  }

  /** The same account as it is for those who read. */
  reading(reads: Reading): Account {
    const { role, warehouse } = this.#options;
    return new Account({ ...this.#options, role: reads.role ?? role, warehouse: reads.warehouse ?? warehouse, reads });
  }

  /** For messages. */
  get place(): Place {
    return this.#place;
  }

  get description(): string {
    const { account, database, schema } = this.#options;
    return `Snowflake ${account}, ${database}.${schema}`;
  }

  /** What Snowpipe Streaming needs of it. Errors: `WarehouseRefusedError` for credentials other than a key. */
  streaming(): ServiceOptions {
    const { account, user, credentials, database, schema, accessUrl, limits } = this.#options;
    const accountUrl = (accessUrl ?? addressOf(account)).replace(/\/$/, "");
    return { account, user, credentials, database, schema, accountUrl, limits: limits.streaming };
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
    const opening = Connection.open({
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
    // Who was in before may wait for the network to come back.
    if (this.#known) return await opening;
    return await ifReachable(opening, {
      address: accessUrl ?? addressOf(account),
      late: (connection) => connection.close(),
    });
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
    if (this.#options.reads?.role !== undefined) await connection.execute("USE SECONDARY ROLES NONE", [], options);
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
