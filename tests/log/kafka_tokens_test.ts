// Tokens for logins to Kafka: how long one is kept, and what is said of a token endpoint or of AWS credentials that fail.

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { type FreshetError, LogRefusedError, LogUnavailableError } from "../../src/errors.ts";
import { awsMskIam } from "../../src/log/kafka/aws_msk_iam.ts";
import { clientCredentials } from "../../src/log/kafka/client_credentials.ts";
import { type Token, tokenSource } from "../../src/log/kafka/token_source.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { withAws } from "../support/kafka/aws.ts";
import { CLIENT, TokenEndpoint } from "../support/kafka/token_endpoint.ts";

const SECONDS = 1000;

/** A source of numbered tokens that last as long as said. */
function numbered(clock: ManualClock, lifeMs: number) {
  const state = { asked: 0, failure: undefined as Error | undefined };
  const fetchToken = (): Promise<Token> => {
    state.asked += 1;
    if (state.failure) return Promise.reject(state.failure);
    return Promise.resolve({ value: `token ${state.asked}`, lifeMs });
  };
  return { state, token: tokenSource(fetchToken, clock) };
}

Deno.test("a token is kept for four fifths of its life, and asked for once however many want one", async () => {
  const clock = new ManualClock(0);
  const { state, token } = numbered(clock, 300 * SECONDS);
  assertEquals(await Promise.all([token(), token(), token()]), ["token 1", "token 1", "token 1"]);
  await clock.advance(239 * SECONDS);
  assertEquals(await token(), "token 1");
  await clock.advance(1 * SECONDS);
  assertEquals(await token(), "token 2");
  assertEquals(state.asked, 2);
});

Deno.test("a token that is nearly used up is not worth a login: short ones are asked for each time", async () => {
  const clock = new ManualClock(0);
  const short = numbered(clock, 9 * SECONDS);
  assertEquals([await short.token(), await short.token()], ["token 1", "token 2"]);
  const longer = numbered(clock, 15 * SECONDS);
  await longer.token();
  await clock.advance(4 * SECONDS);
  assertEquals(await longer.token(), "token 1");
  await clock.advance(1 * SECONDS);
  assertEquals(await longer.token(), "token 2");
});

Deno.test("while no new token can be had, the last one is given out for as long as it is valid", async () => {
  const clock = new ManualClock(0);
  const { state, token } = numbered(clock, 100 * SECONDS);
  await token();
  await clock.advance(90 * SECONDS);
  state.failure = new LogUnavailableError("away");
  assertEquals(await token(), "token 1");
  await clock.advance(10 * SECONDS);
  await assertRejects(token, LogUnavailableError, "away");
  state.failure = new LogRefusedError("no");
  await assertRejects(token, LogRefusedError, "no");
  state.failure = undefined;
  assertEquals(await token(), "token 5");
});

Deno.test("a token ages by whichever clock goes on: one that is set back, or stands still, keeps none alive", async () => {
  const clock = new ManualClock(0);
  const { token } = numbered(clock, 300 * SECONDS);
  await token();
  clock.set(-3600 * SECONDS);
  await clock.advance(240 * SECONDS);
  assertEquals(await token(), "token 2");
  clock.set(clock.now() + 240 * SECONDS);
  assertEquals(await token(), "token 3");
});

type Answer = readonly [
  name: string,
  answer: () => Response,
  error: new (message: string) => FreshetError,
  ...says: string[],
];

const html = (status: number) => () =>
  new Response("<html>s3cret page</html>", { status, headers: { "content-type": "text/html" } });

const ANSWERS: readonly Answer[] = [
  [
    "401 with OAuth's word for it",
    () => Response.json({ error: "invalid_client", error_description: "s3cret" }, { status: 401 }),
    LogRefusedError,
    "refused the client (401 invalid_client): check KAFKA_SASL_OAUTHBEARER_CLIENT_ID and KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET",
  ],
  [
    "401 with a challenge",
    () => new Response("s3cret", { status: 401, headers: { "www-authenticate": 'Basic realm="s3cret"' } }),
    LogRefusedError,
    "KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET",
  ],
  ["401 as a page", html(401), LogRefusedError, "refused the client (401)"],
  [
    "a scope that it does not know",
    () => Response.json({ error: "invalid_scope" }, { status: 400 }),
    LogRefusedError,
    "check KAFKA_SASL_OAUTHBEARER_SCOPE",
  ],
  ["500", html(500), LogUnavailableError, "has trouble (500)"],
  ["429", html(429), LogUnavailableError, "has trouble (429)"],
  [
    "503 as JSON",
    () => Response.json({ error: "temporarily_unavailable" }, { status: 503 }),
    LogUnavailableError,
    "503",
  ],
  [
    "a page instead of a token",
    html(200),
    LogRefusedError,
    "is not a token",
    "KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL",
  ],
  ["404", html(404), LogRefusedError, "(404) is not a token"],
  [
    "JSON without a token",
    () => Response.json({ id_token: "s3cret", expires_in: 5 }),
    LogRefusedError,
    "is not a token",
  ],
  [
    "a redirect to a login page",
    () => new Response(null, { status: 302, headers: { location: "/login?s3cret" } }),
    LogRefusedError,
    "(302) is not a token",
  ],
];

for (const [name, answer, expected, ...says] of ANSWERS) {
  Deno.test(`a token endpoint that answers ${name}: the error says what to do, and nothing of the answer`, async () => {
    await using endpoint = new TokenEndpoint();
    endpoint.failure = answer;
    const fetchToken = await clientCredentials(clientOf(`${endpoint.url}?key=s3cret`));
    const error = await assertRejects(fetchToken, expected);
    for (const part of says) assertStringIncludes(error.message, part);
    assertNoSecret(error);
  });
}

Deno.test("a token endpoint that nobody runs, or that is silent, is unavailable and named", async () => {
  const nobody = await clientCredentials(clientOf("http://127.0.0.1:1/token?key=s3cret"));
  const error = await assertRejects(nobody, LogUnavailableError, "http://127.0.0.1:1/token cannot be reached");
  assertNoSecret(error);
  await using endpoint = new TokenEndpoint();
  const silence = Promise.withResolvers<Response>();
  endpoint.failure = () => silence.promise;
  const fetchToken = await clientCredentials({ ...clientOf(endpoint.url), patienceMs: 50 });
  assertNoSecret(await assertRejects(fetchToken, LogUnavailableError, "does not answer"));
  silence.resolve(new Response());
});

function clientOf(url: string) {
  return { url, clientId: CLIENT.id, clientSecret: CLIENT.secret };
}

function assertNoSecret(error: Error): void {
  const all = Deno.inspect(error, { depth: 8 });
  assert(!all.includes("s3cret") && !all.includes(encodeURIComponent(CLIENT.secret)), all);
}

Deno.test("a token for MSK is a presigned address of the cluster's region that is valid for fifteen minutes", async () => {
  const keys = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "s3cret", AWS_SESSION_TOKEN: "session" };
  await withAws(keys, async () => {
    const fetchToken = await awsMskIam({ region: "eu-central-1" });
    const { value, lifeMs } = await fetchToken();
    assertMatch(value, /^[A-Za-z0-9_-]+$/);
    const url = new URL(atob(value.replaceAll("-", "+").replaceAll("_", "/")));
    assertEquals(url.host, "kafka.eu-central-1.amazonaws.com");
    const query = Object.fromEntries(url.searchParams);
    assertEquals(query.Action, "kafka-cluster:Connect");
    assertEquals(query["X-Amz-Expires"], "900");
    assertMatch(query["X-Amz-Credential"]!, /^AKIDEXAMPLE\/\d{8}\/eu-central-1\/kafka-cluster\/aws4_request$/);
    assertEquals(query["X-Amz-Security-Token"], "session");
    assertMatch(query["X-Amz-Signature"]!, /^[0-9a-f]{64}$/);
    assert(Math.abs(lifeMs - 900 * SECONDS) < 5 * SECONDS, `${lifeMs}`);
    assert(!url.href.includes("s3cret"));
  });
});

Deno.test("without AWS credentials the error says where they are looked for", async () => {
  await withAws({}, async () => {
    const fetchToken = await awsMskIam({ region: "eu-central-1" });
    await assertRejects(fetchToken, LogRefusedError, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  });
});
