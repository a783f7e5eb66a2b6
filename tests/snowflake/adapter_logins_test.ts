// Logging in by the adapter: every form of every credential, and what a person is told who is refused.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { generateKeyPairSync } from "node:crypto";
import { Buffer } from "node:buffer";
import { WarehouseRefusedError, WarehouseUnavailableError } from "../../src/errors.ts";
import type { Credentials, SnowflakeOptions } from "../../src/warehouse/snowflake.ts";
import type { Warehouse } from "../../src/warehouse/warehouse.ts";
import { ownSchema } from "../support/snowflake/adapter.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";

const skip = await whyNoSnowflake();

const PASSPHRASE = "a hidden passphrase";
const ENCRYPTION = { cipher: "aes-256-cbc", passphrase: PASSPHRASE };

function keyPair() {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = (type: "pkcs1" | "pkcs8", options = {}) =>
    privateKey.export({ type, format: "pem", ...options } as { type: "pkcs8"; format: "pem" }).toString();
  return {
    pkcs8: pem("pkcs8"),
    pkcs1: pem("pkcs1"),
    encrypted: pem("pkcs8", ENCRYPTION),
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}

const key = keyPair(), next = keyPair(), foreign = keyPair();
const inOneLine = (pem: string) => pem.replaceAll("\n", "\\n");
const body = (pem: string) => pem.replace(/-----[^-]+-----|\s/g, "");
const base64 = (text: string) => Buffer.from(text).toString("base64");

const USER = {
  name: "FRESHET",
  password: "test-password",
  rsaPublicKey: key.publicKey,
  accessTokens: ["pat-1"],
  expiredAccessTokens: ["pat-0"],
  oauthTokens: ["oauth-1"],
  expiredOauthTokens: ["oauth-0"],
  roles: ["FRESHET_WRITER"],
};

const double = skip === undefined ? await startSnowflake({ users: [USER] }) : undefined;
Deno.test.afterAll(async () => await double?.stop());

type Changes = Partial<SnowflakeOptions>;

function test(name: string, body: (open: (changes: Changes) => Promise<Warehouse>) => Promise<void>): void {
  Deno.test({
    name: `snowflake: ${name}`,
    ignore: skip !== undefined,
    async fn() {
      await using schema = await ownSchema(double!);
      await body((changes) => schema.open(changes));
    },
  });
}

const text = (text: string, passphrase?: string): Credentials => ({ kind: "key", key: { text }, passphrase });

const ACCEPTED: readonly (readonly [what: string, credentials: Credentials])[] = [
  ["the password", { kind: "password", password: USER.password }],
  ["a programmatic access token", { kind: "access token", token: "pat-1" }],
  ["an OAuth token", { kind: "oauth token", token: "oauth-1" }],
  ["a PEM key", text(key.pkcs8)],
  ["a PEM key with \\n for line breaks", text(inOneLine(key.pkcs8))],
  ["a PEM key with blanks for line breaks", text(key.pkcs8.replaceAll("\n", " "))],
  ["an encrypted key with blanks for line breaks", text(key.encrypted.replaceAll("\n", " "), PASSPHRASE)],
  ["a PEM key with Windows line breaks", text(key.pkcs8.replaceAll("\n", "\r\n"))],
  ["a PEM key of the older form", text(key.pkcs1)],
  ["the body of a PEM key in one line", text(body(key.pkcs8))],
  ["the body of a PEM key of the older form in one line", text(body(key.pkcs1))],
  ["the base64 of a PEM key in one line", text(base64(key.pkcs8))],
  ["an encrypted key and its passphrase", text(key.encrypted, PASSPHRASE)],
  ["an encrypted key with \\n for line breaks", text(inOneLine(key.encrypted), PASSPHRASE)],
  ["the body of an encrypted key in one line", text(body(key.encrypted), PASSPHRASE)],
  ["the base64 of an encrypted PEM key", text(base64(key.encrypted), PASSPHRASE)],
  ["a key that needs no passphrase although there is one", text(key.pkcs8, PASSPHRASE)],
];

for (const [what, credentials] of ACCEPTED) {
  test(`${what} is accepted`, async (open) => {
    await using warehouse = await open({ credentials });
    assertEquals((await warehouse.query("SELECT CURRENT_USER()")).rows, [["FRESHET"]]);
  });
}

const REFUSED: readonly (readonly [what: string, changes: Changes, told: readonly string[]])[] = [
  ["a wrong password", { credentials: { kind: "password", password: "guess" } }, ["password", "SNOWFLAKE_PASSWORD"]],
  ["a wrong user", { user: "NOBODY" }, ["NOBODY", "SNOWFLAKE_USER"]],
  ["a key that is not registered", { credentials: text(foreign.pkcs8) }, ["DESCRIBE USER", "SHA256:", "clock"]],
  ["a wrong user with a right key", { credentials: text(key.pkcs8), user: "NOBODY" }, ["NOBODY", "SNOWFLAKE_USER"]],
  ["an expired access token", { credentials: { kind: "access token", token: "pat-0" } }, [
    "expired",
    "SNOWFLAKE_ACCESS_TOKEN",
  ]],
  ["a wrong access token", { credentials: { kind: "access token", token: "guess" } }, ["SNOWFLAKE_ACCESS_TOKEN"]],
  ["an expired OAuth token", { credentials: { kind: "oauth token", token: "oauth-0" } }, [
    "expired",
    "SNOWFLAKE_OAUTH_TOKEN",
  ]],
  ["a wrong OAuth token", { credentials: { kind: "oauth token", token: "guess" } }, ["SNOWFLAKE_OAUTH_TOKEN"]],
  ["a wrong role", { role: "ACCOUNTADMIN" }, ["ACCOUNTADMIN", "SNOWFLAKE_ROLE"]],
  ["an unknown database", { database: "NOWHERE" }, ["NOWHERE", "SNOWFLAKE_DATABASE"]],
  ["an unknown schema", { schema: "NOWHERE" }, ["NOWHERE", "SNOWFLAKE_SCHEMA"]],
  ["an unknown account", { account: "ELSEWHERE" }, ["ELSEWHERE", "SNOWFLAKE_ACCOUNT"]],
  ["a key that is none", { credentials: text("not a key") }, ["SNOWFLAKE_PRIVATE_KEY", "PEM"]],
  ["a damaged key", { credentials: text(key.pkcs8.slice(0, 400) + key.pkcs8.slice(420)) }, ["SNOWFLAKE_PRIVATE_KEY"]],
  ["an encrypted key without its passphrase", { credentials: text(key.encrypted) }, [
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE",
  ]],
  ["an encrypted key with a wrong passphrase", { credentials: text(key.encrypted, "guess") }, [
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE",
  ]],
  ["a key file that is not there", { credentials: { kind: "key", key: { path: "/nowhere/key.p8" } } }, [
    "/nowhere/key.p8",
    "SNOWFLAKE_PRIVATE_KEY_PATH",
  ]],
];

for (const [what, changes, told] of REFUSED) {
  test(`${what} is refused with what to mend, and without a secret`, async (open) => {
    const error = await assertRejects(() => open(changes), WarehouseRefusedError);
    for (const part of told) assertStringIncludes(error.message, part);
    for (const secret of ["guess", PASSPHRASE, USER.password, "pat-", "oauth-", body(key.pkcs8).slice(40, 80)]) {
      assert(!error.message.includes(secret), error.message);
    }
  });
}

test("an access token of a user without a network policy is refused with what to mend", async (open) => {
  double!.control.setUser({ ...USER, withoutNetworkPolicy: true });
  try {
    const error = await assertRejects(
      () => open({ credentials: { kind: "access token", token: "pat-1" } }),
      WarehouseRefusedError,
    );
    assertStringIncludes(error.message, "ALTER USER … SET NETWORK_POLICY");
  } finally {
    double!.control.setUser(USER);
  }
});

test("a login that takes long is waited for where the server answers", async (open) => {
  double!.control.inject({ kind: "slow", ms: 4_000 }, { request: "login" });
  await using warehouse = await open({});
  assertEquals((await warehouse.query("SELECT 1")).rows, [[1]]);
});

test("a warehouse that the role may not use is named when it is needed", async (open) => {
  await using warehouse = await open({ warehouse: "NOT_MINE" });
  const error = await assertRejects(
    () => warehouse.migrate([{ name: "a", text: "-- version 1: a\nCREATE TABLE A (N BIGINT)" }]),
    WarehouseRefusedError,
  );
  assertStringIncludes(error.message, "SNOWFLAKE_WAREHOUSE");
});

test("after its key file is replaced a running program logs in again", async (open) => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/rsa_key.p8`;
    await Deno.writeTextFile(path, key.pkcs8);
    await using warehouse = await open({ credentials: { kind: "key", key: { path } } });
    const ask = () => warehouse.query("SELECT 1");
    await ask();
    // The account knows only the new key, and the session ends; the file is still the old one.
    double!.control.setUser({ ...USER, rsaPublicKey: next.publicKey });
    await double!.control.endSessions();
    const error = await assertRejects(ask, WarehouseUnavailableError);
    assertStringIncludes(error.message, "DESCRIBE USER");
    await Deno.writeTextFile(path, next.pkcs8);
    assertEquals((await ask()).rows, [[1]]);
  } finally {
    double!.control.setUser(USER);
    await Deno.remove(folder, { recursive: true });
  }
});
