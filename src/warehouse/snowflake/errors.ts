// Turns what Snowflake and its driver say into the port's errors, with what to do next. Everything that leans on their
// codes is here. Must not know tables or units.

import { TABLE_ALTERED } from "../sql/dropped.ts";
import { FreshetError, QueryRefusedError, WarehouseRefusedError, WarehouseUnavailableError } from "../../errors.ts";
import { DeadlineError, DriverError } from "./driver.ts";
import { UnreachableError } from "./reachability.ts";
import { RowTooLargeError } from "./request_size.ts";
import { SNOWFLAKE_TABLE_DROPPED } from "./traits.ts";

/** Where something went wrong, for messages. */
export interface Place {
  readonly account: string;
  readonly user: string;
  readonly role?: string | undefined;
  /** The setting that names the role. */
  readonly roleSetting: string;
  readonly warehouse?: string | undefined;
  /** The setting that names the warehouse. */
  readonly warehouseSetting: string;
  readonly database: string;
  readonly schema: string;
  /** Of the key that was used to log in. */
  readonly fingerprint?: string | undefined;
}

/** Snowflake's message in one line of bounded length. */
export function briefMessage(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const text = message.replace(/\s+/g, " ").trim();
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}

/** Whether a row's content is to blame: other rows would have gone through. Snowflake's codes 100xxx, state class 22. */
export function isDataError(error: unknown): boolean {
  if (error instanceof RowTooLargeError) return true;
  return error instanceof DriverError && /^100\d{3}$/.test(error.code) && error.sqlState.startsWith("22");
}

/** How Snowflake says that a bind, or what is made of it, is larger than it takes: at the beginning, before any row's content. */
const TOO_LARGE =
  /^(SQL compilation error:\s*)?(Error parsing JSON: document is too large|Max LOB size|(the )?(request|statement|query|bind)[^']* too (large|long))/i;

/**
 * Whether less in one request would have gone through: HTTP 413, of Snowflake or of a proxy before it, or such a statement.
 * The session is well, and its transaction open.
 */
export function isTooLarge(error: unknown): boolean {
  return error instanceof DriverError &&
    (error.status === 413 || (isStatementError(error) && TOO_LARGE.test(error.message)));
}

/** Whether a lock was not released in time. The statement was undone, its transaction is still open. */
export function isLockTimeout(error: unknown): boolean {
  return error instanceof DriverError && error.code === "000625";
}

/** Whether what went wrong leaves the session as it was. */
export function leavesSession(error: unknown): boolean {
  return isStatementError(error) || isTooLarge(error);
}

/** Whether the server answered with an error of the statement's own: then the session is well. */
export function isStatementError(error: unknown): boolean {
  return error instanceof DriverError && error.sqlState !== "" && !ENDED_SESSION_CODES.has(error.code);
}

/**
 * Whether what went wrong passes by itself, by the class of SQL state: connection, transaction taken back, resources, operator
 * intervention, system, internal.
 */
function isPassing(error: DriverError): boolean {
  return /^(08|25|40|53|57|58|XX)/.test(error.sqlState);
}

/** Whether the statement is to blame, and the same one would be refused again. */
export function isRefusal(error: unknown, place: Place): boolean {
  return isStatementError(error) && translate(error, place) instanceof WarehouseRefusedError;
}

/** Whether the session had ended before the statement came to it: on another one it can be run. */
export function isSessionEnded(error: unknown): boolean {
  return error instanceof DriverError && ENDED_SESSION_CODES.has(error.code);
}

/** The session has ended, or the driver has given it up. */
const ENDED_SESSION_CODES = new Set(["407001", "407002", "390111", "390112", "390114", "390104", "390195"]);

/** Codes with which a login is refused although the server is well. */
const LOGIN_CODES = new Set([
  "390100",
  "390101",
  "390102",
  "390106",
  "390127",
  "390144",
  "390186",
  "390189",
  "390190",
  "390303",
  "390309",
  "390317",
  "390318",
  "390422",
  "390432",
  "394400",
]);

export function isLoginRefusal(error: unknown): boolean {
  return error instanceof DriverError && (LOGIN_CODES.has(error.code) || error.status === 403);
}

type Make = (place: Place, message: string, error: DriverError) => FreshetError;

const refused = (text: (place: Place, message: string) => string): Make => (place, message) =>
  new WarehouseRefusedError(text(place, message));
const unavailable = (text: (place: Place, message: string) => string): Make => (place, message) =>
  new WarehouseUnavailableError(text(place, message));

const at = ({ account }: Place) => `Snowflake account "${account}"`;

/** Errors of logging in, by code. */
const LOGIN_RULES: Readonly<Record<string, Make>> = {
  "390100": refused((place) =>
    `${at(place)} refuses the password of user "${place.user}": check SNOWFLAKE_USER and SNOWFLAKE_PASSWORD`
  ),
  "390101": refused((place) =>
    `${at(place)}: user "${place.user}" is disabled, have it enabled (ALTER USER … SET DISABLED = FALSE)`
  ),
  "390144": refused((place) =>
    `${
      at(place)
    } refuses the key of user "${place.user}": check SNOWFLAKE_ACCOUNT and SNOWFLAKE_USER, that DESCRIBE USER ` +
    `shows RSA_PUBLIC_KEY_FP or RSA_PUBLIC_KEY_2_FP ${place.fingerprint ?? "of this key"}, and this machine's clock`
  ),
  "390189": refused((place) =>
    `${
      at(place)
    }: user "${place.user}" may not use role "${place.role}", or there is no such role: check ${place.roleSetting}, or GRANT ROLE`
  ),
  "390303": refused((place) => `${at(place)} refuses the OAuth token: check SNOWFLAKE_OAUTH_TOKEN`),
  "390309": refused((place) =>
    `${
      at(place)
    }: the OAuth token is another user's than "${place.user}": check SNOWFLAKE_USER and SNOWFLAKE_OAUTH_TOKEN`
  ),
  "390318": refused((place) => `${at(place)}: the OAuth token is expired, set a new SNOWFLAKE_OAUTH_TOKEN`),
  "390422": refused((place, message) =>
    `${
      at(place)
    } lets user "${place.user}" in from other addresses only: have this machine's added to the network policy ` +
    `(${message})`
  ),
  "390432": refused((place) =>
    `${
      at(place)
    } takes a programmatic access token of user "${place.user}" only under a network policy: have one made and set ` +
    `(ALTER USER … SET NETWORK_POLICY; "freshet sql setup user" shows how), or use a key pair`
  ),
  "394400": refused((place) =>
    `${
      at(place)
    } refuses the programmatic access token of user "${place.user}": it is wrong or expired, make a new one ` +
    `(ALTER USER … ADD PROGRAMMATIC ACCESS TOKEN, which for a service user needs a network policy) and set ` +
    `SNOWFLAKE_ACCESS_TOKEN`
  ),
};
const NO_ACCOUNT = refused((place) =>
  `There is no Snowflake account "${place.account}", or it lets nobody in from here: check SNOWFLAKE_ACCOUNT (ORGANIZATION-ACCOUNT), ` +
  `SNOWFLAKE_ACCESS_URL and the account's network policy`
);

const TAKEN_BACK = unavailable((_, message) => `Snowflake took the transaction back: try again (${message})`);

/** "Failure during expansion of view": what it reads was dropped, where a statement that names it gets 002003. */
const VIEW_NOT_EXPANDED = "002037";

/** Errors of statements, by code. */
const RULES: Readonly<Record<string, Make>> = {
  "000606": refused((place) =>
    `Role "${place.role ?? "of the user"}" has no warehouse to work with: check ${place.warehouseSetting} ("${
      place.warehouse ?? ""
    }"), or GRANT USAGE ON WAREHOUSE`
  ),
  "000904": refused((_, message) => `A column is missing: ${TABLE_ALTERED} (${message})`),
  "002003": refused((place, message) =>
    `A table or view is missing in ${place.database}.${place.schema}, or role "${
      place.role ?? "of the user"
    }" may not use it: GRANT, or ${SNOWFLAKE_TABLE_DROPPED} (${message})`
  ),
  [VIEW_NOT_EXPANDED]: refused((place, message) =>
    `A table that a view reads is missing in ${place.database}.${place.schema}, or the view's owner may not use it: GRANT, ` +
    `or ${SNOWFLAKE_TABLE_DROPPED} (${message})`
  ),
  "002023": refused((_, message) => `A column has another type: the table was altered, mend it (${message})`),
  "002043": refused((place, message) =>
    `Something is missing in ${place.database}.${place.schema}, or role "${
      place.role ?? "of the user"
    }" may not use it: GRANT, or ${SNOWFLAKE_TABLE_DROPPED} (${message})`
  ),
  "003001": refused((place, message) =>
    `Role "${
      place.role ?? "of the user"
    }" lacks a privilege in ${place.database}.${place.schema}: GRANT it (${message})`
  ),
  "000625": unavailable((_, message) => `A table is locked by another transaction: try again (${message})`),
  "000630": unavailable((_, message) =>
    `Snowflake took too long for a statement: try again, or use a larger warehouse (${message})`
  ),
  "000604": unavailable(() => "A statement was cancelled: try again"),
  "000608": unavailable((place, message) =>
    `Warehouse "${place.warehouse ?? ""}" is suspended: resume it, or set AUTO_RESUME = TRUE (${message})`
  ),
  "000615": TAKEN_BACK,
  "000664": TAKEN_BACK,
  "000603": unavailable((_, message) => `Snowflake had an internal error: try again (${message})`),
  "090073": unavailable((_, message) =>
    `The warehouse cannot be resumed, its resource monitor's quota is used up: raise it (${message})`
  ),
  "401001": unavailable((place, message) => `${at(place)} cannot be reached: check the network (${message})`),
  "401002": unavailable((place, message) => `${at(place)} cannot be used right now: try again (${message})`),
};
const REQUEST_TOO_LARGE = refused((place, message) =>
  `${at(place)}, or a proxy before it, refused a statement for its size (413): make it shorter (${message})`
);
const SESSION_ENDED = unavailable((place) => `The session with ${at(place)} has ended: try again`);

function made(make: Make, place: Place, error: DriverError): FreshetError {
  const result = make(place, briefMessage(error), error);
  result.cause = error;
  return result;
}

/** The port's error for what went wrong while logging in. */
export function translateLogin(error: unknown, place: Place): Error {
  if (error instanceof FreshetError) return error;
  if (error instanceof UnreachableError) {
    return new WarehouseUnavailableError(
      `${at(place)} cannot be reached at ${error.message}: check SNOWFLAKE_ACCOUNT (ORGANIZATION-ACCOUNT), ` +
        "SNOWFLAKE_ACCESS_URL, the network and its proxy",
      { cause: error },
    );
  }
  if (error instanceof DeadlineError) {
    return new WarehouseUnavailableError(
      `${
        at(place)
      } let nobody in in time: check the network, SNOWFLAKE_ACCESS_URL, and, where something in between opens ` +
        `TLS, that NODE_EXTRA_CA_CERTS names its certificate (${error.message})`,
      { cause: error },
    );
  }
  if (!(error instanceof DriverError)) return error instanceof Error ? error : new Error(String(error));
  if (error.status === 403) return made(NO_ACCOUNT, place, error);
  const rule = LOGIN_RULES[error.code] ?? RULES[error.code];
  if (rule) return made(rule, place, error);
  if (LOGIN_CODES.has(error.code)) {
    const text = (message: string) => `${at(place)} refuses user "${place.user}": ${message}`;
    return made(refused((_, message) => text(message)), place, error);
  }
  return translate(error, place);
}

/** The port's error for anything thrown while a statement ran; errors of ours pass through. */
export function translate(error: unknown, place: Place): Error {
  if (error instanceof FreshetError || error instanceof TypeError || error instanceof RangeError) return error;
  if (error instanceof DeadlineError) return deadlineMissed(error, place);
  if (!(error instanceof DriverError)) return error instanceof Error ? error : new Error(String(error));
  if (ENDED_SESSION_CODES.has(error.code)) return made(SESSION_ENDED, place, error);
  if (error.status === 413) return made(REQUEST_TOO_LARGE, place, error);
  const rule = RULES[error.code];
  if (rule) return made(rule, place, error);
  const other = error.sqlState === "" || isPassing(error)
    ? unavailable((place, message) => `${at(place)} cannot be used right now: try again (${message})`)
    : refused((place, message) => `${at(place)} refused a statement: ${message} (${error.code})`);
  return made(other, place, error);
}

/** The port's error for a query from outside: the statement's own mistakes are its author's. */
export function translateQuery(error: unknown, place: Place): Error {
  if (error instanceof DriverError && error.status === 413) {
    return new QueryRefusedError(translate(error, place).message, { cause: error });
  }
  if (!isStatementError(error)) return translate(error, place);
  const { code } = error as DriverError;
  // Its author can do nothing about it by other words.
  if (code === VIEW_NOT_EXPANDED) return new QueryRefusedError(translate(error, place).message, { cause: error });
  if ((RULES[code] && /^(0006|0900)/.test(code)) || isPassing(error as DriverError)) return translate(error, place);
  return new QueryRefusedError(briefMessage(error), { cause: error });
}

function deadlineMissed(error: DeadlineError, place: Place): FreshetError {
  return new WarehouseUnavailableError(`${at(place)} did not answer in time: try again (${error.message})`, {
    cause: error,
  });
}
