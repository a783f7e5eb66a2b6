// A login: who it is, with which role, and the session that comes of it.

import { checkLogin, type LoginData, type User } from "./credentials.ts";
import type { Engine, Place } from "./engine.ts";
import { loginParameters } from "./login_parameters.ts";
import type { ProxySession, TokenLifetimes } from "./sessions.ts";

export interface LoginContext {
  readonly account: string;
  readonly users: readonly User[];
  readonly nowMs: number;
  /** For the new session. */
  readonly id: string;
  readonly engine: Engine;
}

export type Opened =
  | { readonly id: string; readonly user: User; readonly place: Place }
  | { readonly code: string; readonly message: string; readonly reason: string }
  | "unknown account";

/** Opens a session on the SQL side for who may have one. The URL names database, schema, warehouse and role. */
export async function openSession(data: LoginData, url: URL, context: LoginContext): Promise<Opened> {
  const account = (data.ACCOUNT_NAME ?? "").split(".")[0]?.toUpperCase();
  // A host name of an account that does not exist leads to a server that forbids.
  if (account !== context.account.toUpperCase()) return "unknown account";
  const checked = checkLogin(data, context);
  if (!("user" in checked)) return checked;
  const { user } = checked;
  const role = url.searchParams.get("roleName")?.toUpperCase();
  if (role !== undefined && !user.roles.some((each) => each.toUpperCase() === role)) {
    return {
      code: data.AUTHENTICATOR === "OAUTH" ? "390317" : "390189",
      message: `Role '${role}' specified in the connect string does not exist or not authorized. ` +
        "Contact your local system administrator, or attempt to login with another role, e.g. PUBLIC.",
      reason: `role ${role}`,
    };
  }
  const place = await context.engine.open({
    id: context.id,
    user: user.name.toUpperCase(),
    role: role ?? user.roles[0] ?? "PUBLIC",
    // A warehouse, database or schema that does not exist does not stop the login: the session has none.
    warehouse: url.searchParams.get("warehouse")?.toUpperCase(),
    database: url.searchParams.get("databaseName")?.toUpperCase(),
    schema: url.searchParams.get("schemaName")?.toUpperCase(),
    parameters: data.SESSION_PARAMETERS ?? {},
  });
  return { id: context.id, user, place };
}

export function loginAnswer(session: ProxySession, data: LoginData, lifetimes: TokenLifetimes): unknown {
  const { place } = session;
  return {
    data: {
      token: session.token,
      masterToken: session.masterToken,
      validityInSeconds: lifetimes.tokenSeconds,
      masterValidityInSeconds: lifetimes.masterTokenSeconds,
      displayUserName: session.user.name.toUpperCase(),
      serverVersion: "9.0.0",
      firstLogin: false,
      sessionId: Number(session.id),
      parameters: loginParameters(data.SESSION_PARAMETERS ?? {}),
      sessionInfo: {
        databaseName: place.database,
        schemaName: place.schema,
        warehouseName: place.warehouse,
        roleName: place.role,
      },
    },
    code: null,
    message: null,
    success: true,
  };
}
