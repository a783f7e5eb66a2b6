// Tokens for OAUTHBEARER from a token endpoint, by OAuth 2's client credentials (RFC 6749, section 4.4), over
// oauth4webapi. Knows nothing of Kafka; its errors name settings, and never show a secret or a token.

import type { AuthorizationServer, ClientAuth } from "oauth4webapi";
import { ConfigError, connectFailure, LogRefusedError, LogUnavailableError } from "../../errors.ts";
import type { Token } from "./token_source.ts";

export interface TokenEndpoint {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope?: string;
  /** PEM text of authorities to trust besides the system's. */
  readonly ca?: string;
  /** Until a request is given up. */
  readonly patienceMs?: number;
}

const URL_SETTING = "KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL";
const ID_SETTING = "KAFKA_SASL_OAUTHBEARER_CLIENT_ID";
const SECRET_SETTING = "KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET";
const SCOPE_SETTING = "KAFKA_SASL_OAUTHBEARER_SCOPE";
const CA_SETTING = "KAFKA_SASL_OAUTHBEARER_CA_FILE";

const PATIENCE_MS = 10_000;

/** Errors of an answer that waiting mends (RFC 6749, 5.2, and the answers of proxies). */
const BUSY = new Set([408, 425, 429]);

/** Asks the endpoint for a token, each time it is called. */
export async function clientCredentials(endpoint: TokenEndpoint): Promise<() => Promise<Token>> {
  const oauth = await import("oauth4webapi");
  const server: AuthorizationServer = { issuer: endpoint.url, token_endpoint: endpoint.url };
  const client = { client_id: endpoint.clientId };
  const login: ClientAuth = oauth.ClientSecretBasic(endpoint.clientSecret);
  const parameters = new URLSearchParams(endpoint.scope === undefined ? {} : { scope: endpoint.scope });
  const address = shortUrl(endpoint.url);
  return async () => {
    using http = httpClient(endpoint.ca);
    const options = {
      [oauth.allowInsecureRequests]: true,
      [oauth.customFetch]: (url: string, init: unknown) => fetch(url, { ...init as RequestInit, client: http }),
      signal: AbortSignal.timeout(endpoint.patienceMs ?? PATIENCE_MS),
    };
    const answer = await oauth.clientCredentialsGrantRequest(server, client, login, parameters, options)
      .catch((thrown) => {
        throw unreachable(address, thrown);
      });
    try {
      const token = await oauth.processClientCredentialsResponse(server, client, answer);
      return { value: token.access_token, lifeMs: 1000 * (token.expires_in ?? 0) };
    } catch (thrown) {
      if (!answer.bodyUsed) await answer.body?.cancel();
      throw refusal(address, { status: answer.status, error: errorOf(thrown) });
    }
  };
}

/** A client for one request: that it is closed after it costs little, as tokens last. */
function httpClient(ca: string | undefined): Deno.HttpClient {
  try {
    return Deno.createHttpClient(ca === undefined ? {} : { caCerts: [ca] });
  } catch (cause) {
    throw new ConfigError(`${CA_SETTING} names a file without certificates: expected PEM`, { cause });
  }
}

/** Where the endpoint is, without what its query may hold. */
function shortUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

/** OAuth's word for what was wrong, if the answer has one. Nothing else of it goes on: it may hold a token. */
function errorOf(thrown: unknown): string | undefined {
  const { error } = thrown as { readonly error?: unknown };
  return typeof error === "string" && /^[a-z_]{1,60}$/.test(error) ? error : undefined;
}

function unreachable(address: string, thrown: unknown): Error {
  if (thrown instanceof Error && thrown.name === "TimeoutError") {
    return new LogUnavailableError(
      `The token endpoint ${address} does not answer: check that it runs, and ${URL_SETTING}`,
    );
  }
  const why = connectFailure(thrown) ?? "it broke the connection off";
  const certificate = `The certificate of the token endpoint ${address} is`;
  if (/Expired|NotValidYet/.test(why)) {
    return new LogRefusedError(`${certificate} not valid now: renew it, or set this machine's clock`);
  }
  if (/NotValidForName|not valid for/.test(why)) {
    return new LogRefusedError(
      `${certificate} not made out to it: use the name that it is made out to in ${URL_SETTING}`,
    );
  }
  if (/peer certificate/.test(why)) {
    return new LogRefusedError(
      `${certificate} not trusted by this machine (${why}): set ${CA_SETTING} to its authority's certificate (PEM)`,
    );
  }
  return new LogUnavailableError(
    `The token endpoint ${address} cannot be reached (${why}): check that it runs, and ${URL_SETTING}`,
  );
}

function refusal(address: string, { status, error }: { readonly status: number; readonly error?: string }): Error {
  const said = error === undefined ? `${status}` : `${status} ${error}`;
  if (status >= 500 || BUSY.has(status)) {
    return new LogUnavailableError(`The token endpoint ${address} has trouble (${said}): look at its log`);
  }
  if (error === "invalid_scope") {
    return new LogRefusedError(`The token endpoint ${address} refused the scope (${said}): check ${SCOPE_SETTING}`);
  }
  if (status === 401 || status === 403 || error !== undefined) {
    return new LogRefusedError(
      `The token endpoint ${address} refused the client (${said}): check ${ID_SETTING} and ${SECRET_SETTING}`,
    );
  }
  return new LogRefusedError(
    `What ${address} answered (${said}) is not a token: check that ${URL_SETTING} is the address of a token endpoint`,
  );
}
