// The production warehouse: Snowflake. Adapter of warehouse.ts; its parts are in snowflake/.
// Must not know logs, engines or domains.

import { Account, type AccountOptions, LIMITS, type Limits } from "./snowflake/account.ts";
import { SnowflakeAdapter } from "./snowflake/adapter.ts";
import { translate } from "./snowflake/errors.ts";
import { withGrants } from "./snowflake/granted_views.ts";
import { TRANSACTION_PREFIX } from "./snowflake/locks.ts";
import { migrating } from "./snowflake/migrate.ts";
import { makeOffsetsTables, missingOffsets, withOffsets } from "./snowflake/offsets_tables.ts";
import { Queries } from "./snowflake/query.ts";
import { Session } from "./snowflake/session.ts";
import { StreamingAdapter } from "./snowflake/streaming/adapter.ts";
import { StreamingService } from "./snowflake/streaming/service.ts";
import { SNOWFLAKE } from "./snowflake/traits.ts";
import { migrate, type Migrating, namesThere, restore } from "./sql/migrate.ts";
import { SqlWriter } from "./sql/writer.ts";
import type {
  MigrationStep,
  QueryOptions,
  QueryResult,
  RawTable,
  Script,
  StreamedTotals,
  Warehouse,
  Writer,
} from "./warehouse.ts";

export type { Credentials } from "./snowflake/credentials.ts";

export interface SnowflakeOptions extends Omit<AccountOptions, "limits" | "reads"> {
  /** Role of queries, on a session of their own; without it they have the writer's. */
  readonly queryRole?: string | undefined;
  /** Warehouse of queries, on a session of their own. Without either they share the session of migrations. */
  readonly queryWarehouse?: string | undefined;
  /** Instead of the defaults, which suit a warehouse of any size. */
  readonly limits?: Partial<Limits>;
  /** How raw rows are written: with their unit, or ahead of it by Snowpipe Streaming, for which a key is needed. Default `sql`. */
  readonly rawIngest?: "sql" | "streaming" | undefined;
}

/**
 * Logs in, so that a mistake in the settings is told at once.
 *
 * Errors: `WarehouseRefusedError` when the login is refused, or database or schema cannot be used;
 * `WarehouseUnavailableError` when Snowflake cannot be reached.
 */
export async function openSnowflake(options: SnowflakeOptions): Promise<Warehouse> {
  const { limits, queryRole, queryWarehouse, rawIngest = "sql", ...rest } = options;
  const account = new Account({ ...rest, limits: { ...LIMITS, ...limits } });
  const reading = queryRole === undefined && queryWarehouse === undefined
    ? account
    : account.reading({ role: queryRole, warehouse: queryWarehouse });
  const streaming = rawIngest === "streaming" ? new StreamingService(account.streaming()) : undefined;
  const warehouse = new SnowflakeWarehouse({ account, reading, streaming });
  try {
    await warehouse.connect();
  } catch (error) {
    await warehouse[Symbol.asyncDispose]();
    throw error;
  }
  return warehouse;
}

/** Eight letters that no other writer has, here or elsewhere. */
function unique(): string {
  return crypto.randomUUID().slice(0, 8);
}

/** The domains of scripts that are applied together with Freshet's own, which alone know of offsets. */
function domainsOf(scripts: readonly Script[]): readonly string[] | undefined {
  const names = scripts.map(({ name }) => name);
  return names.includes("freshet") ? names.filter((name) => name !== "freshet") : undefined;
}

function sessionOf(account: Account): Session {
  return new Session({ account, tag: "freshet:query", transactions: `${TRANSACTION_PREFIX}query_${unique()}` });
}

/** Ways to the account. */
interface Ways {
  readonly account: Account;
  /** The account as queries use it, maybe the same. */
  readonly reading: Account;
  /** Where raw rows go ahead of their units. */
  readonly streaming: StreamingService | undefined;
}

class SnowflakeWarehouse implements Warehouse {
  readonly name = SNOWFLAKE.name;
  readonly checkpoints = SNOWFLAKE.checkpoints;
  readonly dialect = SNOWFLAKE.dialect;
  readonly freshness = SNOWFLAKE.freshness;
  readonly runsRules = SNOWFLAKE.runsRules;
  readonly statementsIn = SNOWFLAKE.statementsIn;
  readonly description: string;
  readonly #account: Account;
  /** Of migrations, and of queries where they have none of their own; every writer has one. */
  readonly #session: Session;
  readonly #reading: Session;
  readonly #queries: Queries;
  readonly #streaming: StreamingService | undefined;
  readonly streamed: StreamedTotals | undefined;
  #closed = false;

  constructor({ account, reading, streaming }: Ways) {
    this.#account = account;
    this.#streaming = streaming;
    this.streamed = streaming?.streamed;
    this.description = account.description;
    this.#session = sessionOf(account);
    this.#reading = reading === account ? this.#session : sessionOf(reading);
    this.#queries = new Queries(this.#reading);
  }

  async connect(): Promise<void> {
    await this.#session.connect();
    await this.#reading.connect();
  }

  async migrate(
    scripts: readonly Script[],
    options?: { readonly dryRun?: boolean },
  ): Promise<readonly MigrationStep[]> {
    const domains = domainsOf(scripts);
    const first = domains === undefined ? [] : await this.#offsets((session) => missingOffsets(session, domains));
    if (domains !== undefined && options?.dryRun !== true) {
      await this.#offsets((session) => makeOffsetsTables(session, domains));
    }
    const steps = await this.#define(async (session) => {
      const pending = await migrate(session, scripts, options);
      const isPrinted = options?.dryRun === true && pending.length > 0;
      return isPrinted ? withGrants(pending, await namesThere(session)) : pending;
    });
    return withOffsets(steps, first);
  }

  async restore(scripts: readonly Script[]): Promise<readonly string[]> {
    const domains = domainsOf(scripts);
    if (domains !== undefined) await this.#offsets((session) => makeOffsetsTables(session, domains));
    return await this.#define((session) => restore(session, scripts));
  }

  async #offsets<T>(work: (session: Session) => Promise<T>): Promise<T> {
    this.#account.checkOpen();
    try {
      return await work(this.#session);
    } catch (error) {
      throw translate(error, this.#account.place);
    }
  }

  async #define<T>(make: (session: Migrating) => Promise<T>): Promise<T> {
    this.#account.checkOpen();
    try {
      return await make(migrating(this.#session));
    } catch (error) {
      throw translate(error, this.#account.place);
    }
  }

  async writer(domain: string, raw?: RawTable): Promise<Writer> {
    const name = domain.replace(/[^A-Za-z0-9]/g, "_");
    const transactions = `${TRANSACTION_PREFIX}${name}_${unique()}`;
    const options = { domain, account: this.#account, transactions };
    if (this.#streaming === undefined) {
      return await SqlWriter.open(new SnowflakeAdapter({ ...options, refusesChannels: true }));
    }
    if (raw === undefined) return await SqlWriter.open(new SnowflakeAdapter(options));
    await this.#streaming.check();
    return await SqlWriter.open(new StreamingAdapter({ ...options, raw, service: this.#streaming }));
  }

  async query(sql: string, options: QueryOptions = {}): Promise<QueryResult> {
    return await this.#queries.run(sql, options);
  }

  /** Logs out. Writers are closed by those who asked for them. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#account.close();
    this.#reading.account.close();
    await Promise.all([this.#session.drop(), this.#reading.drop()]);
  }
}
