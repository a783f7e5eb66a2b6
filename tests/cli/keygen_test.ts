import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { publicKeyOf } from "../../src/cli/key_pair.ts";
import { readSecretLine } from "../../src/cli/mod.ts";
import { fingerprint } from "../support/snowflake/credentials.ts";
import { Terminal } from "./terminal.ts";

const PASSPHRASE = "geheim zwölf 12";
const passphraseSet = { SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: PASSPHRASE };
const modeOf = (path: string) => Deno.statSync(path).mode! & 0o777;

Deno.test("keygen writes a private key that only its owner may read, and prints the statements that register it", async () => {
  await using terminal = await Terminal.open();
  const path = `${terminal.dataDir}/key.p8`;
  const { code, stdout, stderr } = await terminal.run(["keygen", path], { env: { SNOWFLAKE_USER: "loader" } });
  assertEquals([code, stderr], [0, ""]);
  assertEquals(modeOf(path), 0o600);
  const key = createPrivateKey(await Deno.readTextFile(path));
  assertEquals([key.asymmetricKeyType, key.asymmetricKeyDetails?.modulusLength], ["rsa", 2048]);
  const body = createPublicKey(key).export({ type: "spki", format: "der" }).toString("base64");
  assertStringIncludes(stdout, `ALTER USER "LOADER" SET RSA_PUBLIC_KEY = '${body}';\n`);
  assertStringIncludes(stdout, `ALTER USER "LOADER" SET RSA_PUBLIC_KEY_2 = '${body}';\n`);
  assertStringIncludes(stdout, fingerprint(createPublicKey(key)));
  assert(!stdout.includes("PRIVATE KEY-----"));
});

Deno.test("keygen encrypts the key with the passphrase of the setting, which it never prints", async () => {
  await using terminal = await Terminal.open();
  const path = `${terminal.dataDir}/key.p8`;
  const { code, stdout, stderr } = await terminal.run(["keygen", path, "--bits", "3072"], { env: passphraseSet });
  assertEquals([code, stderr], [0, ""]);
  assert(!stdout.includes(PASSPHRASE));
  const pem = await Deno.readTextFile(path);
  assertMatch(pem, /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
  assertEquals(publicKeyOf(pem, PASSPHRASE).bits, 3072);
});

Deno.test("keygen asks for a passphrase at a terminal, twice, and writes nothing when the two differ", async () => {
  await using terminal = await Terminal.open();
  const path = `${terminal.dataDir}/key.p8`;
  const differing = await terminal.run(["keygen", path], { secrets: [PASSPHRASE, "another"] });
  assertEquals(differing.code, 2);
  assertStringIncludes(differing.stderr, "nothing was written");
  assertEquals((await terminal.run(["keygen", path], { secrets: [PASSPHRASE, PASSPHRASE] })).code, 0);
  publicKeyOf(await Deno.readTextFile(path), PASSPHRASE);
  assertEquals((await terminal.run(["keygen", `${path}.plain`], { secrets: [""] })).code, 0);
  publicKeyOf(await Deno.readTextFile(`${path}.plain`), undefined);
});

Deno.test("keygen leaves a file that is there as it is, and --show prints its statements again", async () => {
  await using terminal = await Terminal.open();
  const path = `${terminal.dataDir}/key.p8`;
  const first = await terminal.run(["keygen", path], { env: passphraseSet });
  const before = await Deno.readTextFile(path);
  const { code, stdout, stderr } = await terminal.run(["keygen", path]);
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, "exists already");
  assertEquals(await Deno.readTextFile(path), before);

  const shown = await terminal.run(["keygen", path, "--show"], { env: passphraseSet });
  assertEquals([shown.code, shown.stderr], [0, ""]);
  assertStringIncludes(first.stdout, shown.stdout);
  assertStringIncludes((await terminal.run(["keygen", path, "--show"], { secrets: [PASSPHRASE] })).stdout, "SHA256:");
});

const UNUSABLE: readonly (readonly [what: string, content: string | null, env: Record<string, string>, RegExp])[] = [
  ["is not there", null, {}, /Cannot read ".*key\.p8"/],
  ["is no key", "hello\n", {}, /not a private key in PEM/],
  ["is encrypted, without a passphrase", "encrypted", {}, /set SNOWFLAKE_PRIVATE_KEY_PASSPHRASE/],
  ["is encrypted with another passphrase", "encrypted", { SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: "wr0ng" }, /is not its/],
];

for (const [what, content, env, message] of UNUSABLE) {
  Deno.test(`keygen --show says so when the file ${what}`, async () => {
    await using terminal = await Terminal.open();
    const path = `${terminal.dataDir}/key.p8`;
    if (content === "encrypted") await terminal.run(["keygen", path], { env: passphraseSet });
    else if (content !== null) await Deno.writeTextFile(path, content);
    const { code, stdout, stderr } = await terminal.run(["keygen", path, "--show"], { env });
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, message);
    assert(!stderr.includes("wr0ng"));
  });
}

Deno.test("keygen names the folder that is not there, and refuses short keys", async () => {
  await using terminal = await Terminal.open();
  const missing = await terminal.run(["keygen", `${terminal.dataDir}/no/key.p8`]);
  assertEquals(missing.code, 1);
  assertMatch(missing.stderr, /Cannot write ".*\/no\/key\.p8"/);
  assertEquals((await terminal.run(["keygen", `${terminal.dataDir}/k`, "--bits", "1024"])).code, 2);
});

const TYPED: readonly (readonly [typed: string, line: string])[] = [
  ["abc\r", "abc"],
  ["abc\nrest", "abc"],
  ["abx\x7fc\r", "abc"],
  ["aé€\x7f\x7f\x08\x08b\r", "b"],
  ["wrong\x15right\r", "right"],
  ["abc\x04", "abc"],
  ["abc", "abc"],
];

for (const [typed, line] of TYPED) {
  Deno.test(`typing ${JSON.stringify(typed)} unseen gives ${JSON.stringify(line)}`, async () => {
    const bytes = [...new TextEncoder().encode(typed)];
    const read = () => Promise.resolve(bytes.length > 0 ? Uint8Array.of(bytes.shift()!) : null);
    assertEquals(await readSecretLine(read), line);
  });
}

Deno.test("Ctrl-C while a secret is typed ends with the signal's exit code", async () => {
  const error = await readSecretLine(() => Promise.resolve(Uint8Array.of(97, 3))).catch((error) => error);
  assertEquals(error.exitCode, 130);
});
