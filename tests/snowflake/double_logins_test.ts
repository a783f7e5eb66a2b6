// Logging in to the double through the official driver: every kind of credential, right and wrong.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { generateKeyPairSync } from "node:crypto";
import { Client, refusal } from "../support/snowflake/driver.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";

const skip = await whyNoSnowflake();

function keyPair() {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    encrypted: privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "hidden" })
      .toString(),
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}

const old = keyPair(), next = keyPair(), foreign = keyPair();
/** As ALTER USER takes it: without header, footer and line breaks. */
const bare = (pem: string) => pem.replace(/-----[^-]+-----|\s/g, "");

const USER = {
  name: "FRESHET",
  password: "test-password",
  rsaPublicKey: bare(old.publicKey),
  rsaPublicKey2: next.publicKey,
  accessTokens: ["pat-1"],
  expiredAccessTokens: ["pat-0"],
  oauthTokens: ["oauth-1"],
  expiredOauthTokens: ["oauth-0"],
  roles: ["FRESHET_WRITER"],
} as const;

const double = skip === undefined ? await startSnowflake({ users: [USER] }) : undefined;
Deno.test.afterAll(async () => await double?.stop());

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `snowflake double: ${name}`, ignore: skip !== undefined, fn });
}

const JWT = "SNOWFLAKE_JWT", PAT = "PROGRAMMATIC_ACCESS_TOKEN";
type Options = NonNullable<Parameters<typeof Client.connect>[1]>;

const ACCEPTED: readonly (readonly [what: string, options: Options])[] = [
  ["the password", {}],
  ["the user's name in lower case", { username: "freshet" }],
  ["the first key", { authenticator: JWT, privateKey: old.privateKey }],
  ["the second key", { authenticator: JWT, privateKey: next.privateKey }],
  ["an encrypted key", { authenticator: JWT, privateKey: old.encrypted, privateKeyPass: "hidden" }],
  ["a programmatic access token", { authenticator: PAT, token: "pat-1" }],
  ["a programmatic access token in the place of the password", { password: "pat-1" }],
  ["an OAuth token", { authenticator: "OAUTH", token: "oauth-1" }],
];

for (const [what, options] of ACCEPTED) {
  test(`${what} is accepted`, async () => {
    await using client = await Client.connect(double!, options);
    assertEquals(await client.values("SELECT CURRENT_USER() || '.' || CURRENT_ROLE()"), ["FRESHET.FRESHET_WRITER"]);
  });
}

const REFUSED: readonly (readonly [what: string, options: Options, code: string, reason: RegExp])[] = [
  ["a wrong password", { password: "guess" }, "390100", /wrong password/],
  ["a user that does not exist", { username: "NOBODY" }, "390100", /no such user/],
  ["a key that is not registered", { authenticator: JWT, privateKey: foreign.privateKey }, "390144", /signature/],
  [
    "a key of a user that does not exist",
    { authenticator: JWT, privateKey: old.privateKey, username: "NOBODY" },
    "390144",
    /no such user/,
  ],
  ["an expired access token", { authenticator: PAT, token: "pat-0" }, "394400", /expired/],
  ["an unknown access token", { authenticator: PAT, token: "guess" }, "394400", /unknown/],
  ["an expired OAuth token", { authenticator: "OAUTH", token: "oauth-0" }, "390318", /expired/],
  ["an unknown OAuth token", { authenticator: "OAUTH", token: "guess" }, "390303", /unknown/],
  ["a role that the user does not have", { role: "ACCOUNTADMIN" }, "390189", /ACCOUNTADMIN/],
];

for (const [what, options, code, reason] of REFUSED) {
  test(`${what} is refused with ${code}`, async () => {
    assertEquals((await refusal(Client.connect(double!, options))).code, code);
    assertMatch(double!.control.loginFailures().at(-1)!.reason, reason);
  });
}

test("a key whose token expired on the way is refused", async () => {
  double!.control.setClockOffset(10 * 60_000);
  try {
    const { code } = await refusal(Client.connect(double!, { authenticator: JWT, privateKey: old.privateKey }));
    assertEquals([code, double!.control.loginFailures().at(-1)!.reason], ["390144", "expired"]);
  } finally {
    double!.control.setClockOffset(0);
  }
});

test("a key is refused once it is replaced, and the new one accepted", async () => {
  double!.control.setUser({ ...USER, rsaPublicKey: bare(foreign.publicKey), rsaPublicKey2: undefined });
  try {
    assertEquals(
      (await refusal(Client.connect(double!, { authenticator: JWT, privateKey: old.privateKey }))).code,
      "390144",
    );
    await using client = await Client.connect(double!, { authenticator: JWT, privateKey: foreign.privateKey });
    assertEquals(await client.values("SELECT 1"), [1]);
  } finally {
    double!.control.setUser(USER);
  }
});

test("a user that is disabled is refused", async () => {
  double!.control.setUser({ ...USER, disabled: true });
  try {
    assertEquals((await refusal(Client.connect(double!))).code, "390101");
  } finally {
    double!.control.setUser(USER);
  }
});

test("an account that does not exist is answered as by another server", async () => {
  const { code } = await refusal(Client.connect(double!, { account: "ELSEWHERE" }));
  assertEquals(code, "401002");
});

test("a login, heartbeats, statements and a logout are in the log, secrets are not", async () => {
  double!.clearLog();
  {
    await using client = await Client.connect(double!);
    await client.connection.isValidAsync();
    await client.run("SELECT 1");
  }
  const paths = double!.requests().map(({ path }) => path);
  assertEquals(paths, ["/session/v1/login-request", "/session/heartbeat", "/queries/v1/query-request", "/session"]);
  assert(!JSON.stringify([double!.requests(), double!.statements()]).includes("test-password"));
});
