// Looking into tables over HTTP: a page of rows, and a download. Knows nothing of how they are read.
import type { Context, Hono } from "hono";
import * as z from "zod";
import type { Ask, OpenTable } from "../../panels/mod.ts";
import type { QueryDialect } from "../../warehouse/warehouse.ts";
import { clientOf } from "../client_address.ts";
import type { AnswerCache } from "./answer_cache.ts";
import type { LargeAnswers } from "../large_answers.ts";
import { type PlaceLimits, Places } from "../places.ts";
import { CSV_ROWS, tableCsv, tablePage, TableQuery } from "./explorer.ts";
import { failure } from "./failure.ts";
import { parameters } from "./panel_routes.ts";
import type { TablePage } from "./protocol.ts";

const DOWNLOADS: PlaceLimits = { total: 4, perAddress: 2, timeoutMs: 300_000 };
const TOO_MANY_DOWNLOADS = `At most ${DOWNLOADS.total} downloads run at a time, ${DOWNLOADS.perAddress} of one address`;

/** A page of a table that is larger is not remembered, characters. */
const MAX_REMEMBERED = 100_000;
/** Of a table that changes without a checkpoint, too: an answer as old is asked for again, milliseconds. */
const CHANGES_ALONE_MS = 30_000;

/** A table, and the domain whose checkpoints write it. */
export interface DomainTable extends OpenTable {
  readonly domain: string;
}

export interface TableRoutesOptions {
  /** Those that may be looked into. */
  readonly tables: readonly DomainTable[];
  readonly answers: AnswerCache;
  readonly dialect: QueryDialect;
  readonly large: LargeAnswers;
  /** Whose download it is. */
  readonly addressOf: (c: Context) => string;
}

/** Adds `GET /api/tables/:table` and its CSV. */
export function tableRoutes(app: Hono, { tables: open, answers, dialect, large, addressOf }: TableRoutesOptions): void {
  const tables = new Map(open.map((table) => [table.name, table]));
  const downloads = new Places(DOWNLOADS);
  app.get("/api/tables/:table/csv", async (c) => {
    const asked = askedOf(c, tables);
    if (asked instanceof Response) return asked;
    const { table, query } = asked;
    const download = downloads.enter({ address: addressOf(c), connection: clientOf(c).connection });
    if (!download) {
      c.header("retry-after", "10");
      return failure(c, 503, "too_many_downloads", TOO_MANY_DOWNLOADS);
    }
    const { signal } = download;
    c.req.raw.signal.addEventListener("abort", () => download.leave(), { once: true });
    // Each piece takes its turn with the other questions, rather than one for as long as its client reads.
    const pieces = tableCsv(query, {
      table,
      dialect,
      ask: async (sql, options) => (await answers.once((ask) => ask(sql, options), signal)).data,
    });
    try {
      const first = await pieces.next();
      return c.body(download.stream(first.value ?? "", pieces), 200, {
        "content-type": "text/csv; charset=utf-8",
        "content-disposition": `attachment; filename="${table.name}.csv"`,
        "x-row-limit": String(CSV_ROWS),
      });
    } catch (error) {
      download.leave();
      throw error;
    }
  });
  app.get("/api/tables/:table", async (c) => {
    const asked = askedOf(c, tables);
    if (asked instanceof Response) return asked;
    const { table, query } = asked;
    // Each browser that has the table open asks every few seconds: whoever has what holds is told so.
    const options = { staleMs: table.changesAlone ? CHANGES_ALONE_MS : undefined, keeps: isSmall };
    const known = /^"(.*)"$/.exec(c.req.header("if-none-match") ?? "")?.[1];
    if (known !== undefined && answers.holds(table.domain, known, options)) {
      return c.body(null, 304, { etag: `"${known}"` });
    }
    const key = `${table.name} ${JSON.stringify(query)}`;
    const make = (ask: Ask) => tablePage(query, { table, dialect, ask });
    const page = await answers.shared(table.domain, key, make, { ...options, signal: c.req.raw.signal });
    c.header("cache-control", "private, no-cache");
    c.header("etag", `"${answers.tagOf(page)}"`);
    return large.json(c, page);
  });
}

function isSmall({ rows }: TablePage): boolean {
  let characters = 0;
  for (const row of rows) {
    for (const cell of row) characters += typeof cell === "string" ? cell.length : 8;
    if (characters > MAX_REMEMBERED) return false;
  }
  return true;
}

interface Asked {
  readonly table: DomainTable;
  readonly query: TableQuery;
}

/** What a request wants to see, or what it is answered when there is no such thing. */
function askedOf(c: Context, tables: ReadonlyMap<string, DomainTable>): Asked | Response {
  const table = tables.get(c.req.param("table") ?? "");
  if (!table) return failure(c, 404, "no_such_table", "There is no table of this name to look into");
  const query = TableQuery.safeParse(parameters(c));
  return query.success ? { table, query: query.data } : failure(c, 400, "bad_request", z.prettifyError(query.error));
}
