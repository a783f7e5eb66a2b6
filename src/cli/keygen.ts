// `keygen`: makes the key pair of Snowflake's key-pair login, and prints the statements that register it.
import { FreshetError } from "../errors.ts";
import { type Context, numberOption, UsageError, type Verb } from "./context.ts";
import { readEnvironment } from "./environment.ts";
import { isEncrypted, KeyUnreadableError, makeKeyPair, type PublicKey, publicKeyOf } from "./key_pair.ts";
import { JSON_OBJECT, jsonText } from "./json.ts";
import { userName } from "./snowflake_names.ts";

interface KeygenFlags {
  readonly bits: number;
  readonly show?: boolean;
  readonly json?: boolean;
}

const DEFAULT_PATH = "snowflake_key.p8";
const PASSPHRASE = "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE";

export const addKeygen: Verb = (program, context) => {
  program.command("keygen")
    .summary("make a key pair for Snowflake")
    .description(
      "Makes an RSA key pair for Snowflake's key-pair login: writes the private key (PKCS#8, readable by you alone) and " +
        `prints the statements that register the public one. Encrypted with ${PASSPHRASE}, or with a passphrase ` +
        "that is asked for on a terminal. Never overwrites a file.",
    )
    .argument("[file]", "where the private key goes", DEFAULT_PATH)
    .option("--bits <n>", "length of the key", numberOption({ min: 2048, max: 8192, whole: true }), 2048)
    .option("--show", "make nothing: print the statements for a private key that is there already")
    .option(...JSON_OBJECT)
    .action((path: string, flags: KeygenFlags) => keygen(context, path, flags));
};

/** The file cannot be written or read. */
class KeyFileError extends FreshetError {
  readonly code = "key_file";
  readonly retriable = false;
}

// Only the environment is read, not the configuration: this verb comes before the settings are complete.
async function keygen(context: Context, path: string, { bits, show, json }: KeygenFlags): Promise<void> {
  const { host } = context;
  const env = readEnvironment(host.env);
  const user = userName(env.SNOWFLAKE_USER);
  if (show) {
    const pem = await readKey(path);
    const passphrase = isEncrypted(pem) ? env[PASSPHRASE]?.trim() || await host.askSecret?.("Passphrase: ") : undefined;
    const publicKey = shown(path, pem, passphrase);
    return host.stdout.write(json ? keyJson(path, publicKey, user) : registration(publicKey, user));
  }
  await refuseExisting(path);
  const passphrase = env[PASSPHRASE]?.trim() || await askNewPassphrase(context);
  const { privatePem, ...publicKey } = await makeKeyPair(bits, passphrase);
  await writeKey(path, privatePem);
  if (json) return host.stdout.write(keyJson(path, publicKey, user));
  const protection = passphrase === undefined ? "not encrypted" : "encrypted";
  host.stdout.write(`-- Private key: ${path} (RSA ${bits} bits, ${protection}, mode 600)\n`);
  host.stdout.write(`-- Set SNOWFLAKE_PRIVATE_KEY_PATH=${path}`);
  host.stdout.write(`${passphrase === undefined ? "" : ` and ${PASSPHRASE}`}\n`);
  host.stdout.write(registration(publicKey, user));
}

function keyJson(privateKeyFile: string, key: PublicKey, user: string): string {
  const { body: publicKey, fingerprint, bits } = key;
  return jsonText({ privateKeyFile, publicKey, fingerprint, bits, sql: registration(key, user) });
}

async function askNewPassphrase({ host }: Context): Promise<string | undefined> {
  if (!host.askSecret) return undefined;
  const first = await host.askSecret("Passphrase for the private key (empty for none): ");
  if (first === "") return undefined;
  if (await host.askSecret("The same again: ") !== first) {
    throw new UsageError("The two passphrases differ: nothing was written");
  }
  // As settings are read: without space around them.
  if (first !== first.trim()) {
    throw new UsageError("A passphrase cannot begin or end with a space: nothing was written");
  }
  return first;
}

/** SQL to paste into a worksheet, with comments. */
function registration({ body, fingerprint, bits }: PublicKey, user: string): string {
  const weak = bits < 2048 ? `-- This key has only ${bits} bits: Snowflake takes 2048 and more.\n` : "";
  return `${weak}
-- The first key of the user:
ALTER USER ${user} SET RSA_PUBLIC_KEY = '${body}';

-- Or, to rotate: add it as the second key, let Freshet use the new private key, then take the first one away.
ALTER USER ${user} SET RSA_PUBLIC_KEY_2 = '${body}';
-- ALTER USER ${user} UNSET RSA_PUBLIC_KEY;

-- DESCRIBE USER ${user}; must then show, as RSA_PUBLIC_KEY_FP or RSA_PUBLIC_KEY_2_FP:
-- ${fingerprint}
`;
}

function shown(path: string, pem: string, passphrase: string | undefined): PublicKey {
  try {
    return publicKeyOf(pem, passphrase);
  } catch (error) {
    if (error instanceof KeyUnreadableError) throw new KeyFileError(`Cannot use "${path}": ${error.message}`);
    throw error;
  }
}

async function readKey(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new KeyFileError(`Cannot read "${path}": ${(cause as Error).message}`, { cause });
  }
}

async function refuseExisting(path: string): Promise<void> {
  const there = await Deno.lstat(path).then(() => true, () => false);
  if (there) throw alreadyThere(path);
}

function alreadyThere(path: string): KeyFileError {
  return new KeyFileError(
    `"${path}" exists already and is left as it is: name another file, or print its statements with --show`,
  );
}

async function writeKey(path: string, pem: string): Promise<void> {
  try {
    await Deno.writeTextFile(path, pem, { createNew: true, mode: 0o600 });
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) throw alreadyThere(path);
    throw new KeyFileError(`Cannot write "${path}": ${(cause as Error).message}`, { cause });
  }
}
