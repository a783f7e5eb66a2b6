// The keys that `freshet keygen` makes, judged by others: OpenSSL reads them, and the official driver logs in with them.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Session, Terminal } from "../cli/terminal.ts";
import { Client } from "../support/snowflake/driver.ts";
import { startSnowflake, whyNoSnowflake } from "../support/snowflake/mod.ts";

const noSnowflake = await whyNoSnowflake();
const noOpenssl = Deno.env.get("TESTS") === "fast" ? "TESTS=fast" : await whyNoOpenssl();

/** Why OpenSSL cannot be asked; with `CI=true` that is a failure. */
async function whyNoOpenssl(): Promise<string | undefined> {
  try {
    await new Deno.Command("openssl", { args: ["version"], stdout: "null" }).output();
    return undefined;
  } catch (error) {
    if (Deno.env.get("CI") === "true") throw error;
    console.log("Skipped: keys judged by openssl (it is not installed)");
    return "no openssl";
  }
}

async function openssl(args: readonly string[], passphrase: string): Promise<{ ok: boolean; text: string }> {
  const env = { PASSPHRASE: passphrase };
  const command = new Deno.Command("openssl", {
    args: [...args],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { success, stdout, stderr } = await command.output();
  return { ok: success, text: new TextDecoder().decode(success ? stdout : stderr) };
}

const PASSPHRASE = "Straße 7 nach Süden";

for (const [what, passphrase] of [["encrypted", PASSPHRASE], ["unencrypted", ""]] as const) {
  const making: Session = { env: passphrase === "" ? {} : { SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: passphrase } };

  Deno.test({
    name: `openssl takes an ${what} key of keygen and makes the same public key and fingerprint of it`,
    ignore: noOpenssl !== undefined,
    async fn() {
      await using terminal = await Terminal.open();
      const path = `${terminal.dataDir}/key.p8`;
      const { stdout } = await terminal.run(["keygen", path], making);
      const read = ["-in", path, "-passin", "env:PASSPHRASE"];
      assertEquals(await openssl(["pkey", ...read, "-check", "-noout"], passphrase), {
        ok: true,
        text: "Key is valid\n",
      });
      const spki = await openssl(["pkey", ...read, "-pubout"], passphrase);
      const body = spki.text.replace(/-----[^-]+-----|\s/g, "");
      assertStringIncludes(stdout, `RSA_PUBLIC_KEY = '${body}'`);
      await Deno.writeFile(`${path}.der`, Uint8Array.fromBase64(body));
      const digest = await openssl(["dgst", "-sha256", "-r", `${path}.der`], "");
      assertStringIncludes(stdout, `SHA256:${Uint8Array.fromHex(digest.text.slice(0, 64)).toBase64()}`);
      if (passphrase !== "") assertEquals((await openssl(["pkey", ...read, "-noout"], "wrong")).ok, false);
    },
  });

  Deno.test({
    name: `snowflake double: the driver logs in with an ${what} key of keygen, registered as it printed it`,
    ignore: noSnowflake !== undefined,
    async fn() {
      await using terminal = await Terminal.open();
      const path = `${terminal.dataDir}/key.p8`;
      const { stdout } = await terminal.run(["keygen", path], making);
      const rsaPublicKey = /SET RSA_PUBLIC_KEY = '([^']+)'/.exec(stdout)![1]!;
      const double = await startSnowflake({ users: [{ name: "LOADER", rsaPublicKey, roles: ["FRESHET_WRITER"] }] });
      try {
        await using client = await Client.connect(double, {
          authenticator: "SNOWFLAKE_JWT",
          username: "LOADER",
          privateKeyPath: path,
          ...(passphrase === "" ? {} : { privateKeyPass: passphrase }),
        });
        assertEquals(await client.values("SELECT CURRENT_USER()"), ["LOADER"]);
      } finally {
        await double.stop();
      }
    },
  });
}
