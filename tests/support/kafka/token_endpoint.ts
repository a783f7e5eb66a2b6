// An identity provider for tests: a token endpoint for client credentials that signs real JWTs, and the keys by which a
// Kafka broker checks them. It can be told to fail.

import { Buffer } from "node:buffer";
import { createSign, generateKeyPairSync, type KeyObject } from "node:crypto";

export const CLIENT = { id: "freshet client", secret: "s3cret/+ of the client" } as const;

export class TokenEndpoint implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #key: KeyObject;
  readonly #jwk: Readonly<Record<string, unknown>>;
  /** How long tokens are valid. */
  lifeSeconds = 3600;
  audience = "kafka";
  /** Instead of a token, while it is set. */
  failure: (() => Response | Promise<Response>) | undefined;
  /** How many tokens were asked for. */
  asked = 0;
  /** What was asked for last. */
  form = new URLSearchParams();

  constructor(tls: { readonly cert?: string; readonly key?: string } = {}) {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    this.#key = privateKey;
    this.#jwk = { ...publicKey.export({ format: "jwk" }), kid: "1", use: "sig", alg: "RS256" };
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {}, ...tls };
    this.#server = Deno.serve(options, (request) => this.#answer(request));
    this.base = `${tls.cert === undefined ? "http" : "https"}://127.0.0.1:${this.#server.addr.port}`;
  }

  readonly base: string;

  get url(): string {
    return `${this.base}/oauth2/token`;
  }

  get jwksUrl(): string {
    return `${this.base}/jwks`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    if (new URL(request.url).pathname === "/jwks") return Response.json({ keys: [this.#jwk] });
    this.asked += 1;
    this.form = new URLSearchParams(await request.text());
    if (this.failure !== undefined) return await this.failure();
    if (request.headers.get("authorization") !== expectedLogin()) {
      return Response.json({ error: "invalid_client" }, { status: 401 });
    }
    const token = { access_token: this.#token(), token_type: "Bearer", expires_in: this.lifeSeconds };
    return Response.json(token);
  }

  #token(): string {
    const now = Math.floor(Date.now() / 1000);
    const claims = { sub: CLIENT.id, iss: "tests", aud: this.audience, iat: now, exp: now + this.lifeSeconds };
    const signed = [{ alg: "RS256", kid: "1", typ: "JWT" }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    return `${signed}.${createSign("RSA-SHA256").update(signed).sign(this.#key).toString("base64url")}`;
  }
}

/** RFC 6749, 2.3.1: both parts are encoded as in a form, then HTTP's basic login. */
function expectedLogin(): string {
  const [id, secret] = [CLIENT.id, CLIENT.secret].map((part) => new URLSearchParams([["", part]]).toString().slice(1));
  return `Basic ${btoa(`${id}:${secret}`)}`;
}
