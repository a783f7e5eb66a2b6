// No secret in anything that the program prints, writes, serves or shows in the process list: the real program, with secrets
// that can be recognised, through logins that succeed and logins that fail, at the most talkative log level.

import { assert, assertEquals } from "@std/assert";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { makeKeyPair } from "../../src/cli/key_pair.ts";
import { allSettings, isSecret } from "../../src/config/mod.ts";
import { domainModules } from "../../src/domains/mod.ts";
import { type SnowflakeDouble, startSnowflake, type User, whyNoSnowflake } from "../support/snowflake/mod.ts";
import { FRESHET } from "../support/shipped.ts";

const skip = await whyNoSnowflake();

/** A value for every setting that is a secret; the test fails where a new one has none. */
const SECRETS: Readonly<Record<string, string>> = {
  FRESHET_API_TOKEN: "apitoken-Zk81-do-not-show",
  FRESHET_INGEST_TOKEN: "ingesttoken-Bc52-do-not-show",
  FRESHET_READ_TOKEN: "readtoken-Xw63-do-not-show",
  KAFKA_SASL_PASSWORD: "kafka pass\\word-Yt92 do not show",
  KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET: "client secret-Gh28 do not show",
  KAFKA_SSL_KEY_PASSWORD: "key pass-Jk39 do not show",
  CONFLUENT_API_SECRET: "confluent-Ab17-do-not-show",
  SCHEMA_REGISTRY_API_SECRET: "registry-Cd28-do-not-show",
  SCHEMA_REGISTRY_TOKEN: "registrytoken-Ef39-do-not-show",
  FRESHET_ALERT_WEBHOOK: "http://127.0.0.1:1/hook-Bd15-do-not-show",
  FRESHET_ALERT_WEBHOOK_SECRET: "alertsecret-Ce26-do-not-show",
  FRESHET_ALERT_SLACK_WEBHOOK: "http://127.0.0.1:1/slack-Df37-do-not-show",
  SNOWFLAKE_PASSWORD: 'snow"pass\\Wx03 do not show',
  SNOWFLAKE_ACCESS_TOKEN: "pat-Uv14-do-not-show",
  SNOWFLAKE_OAUTH_TOKEN: "oauth-St25-do-not-show",
  SNOWFLAKE_PRIVATE_KEY: "not a key-Rq36-do-not-show",
  SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: "passphrase Pn47 do not show",
};
/** Settings that may hold a secret in a part of them. */
const WITH_SECRET_PART: Readonly<Record<string, string>> = {
  REDIS_URL: "redis://cache:redispass-Ml58-do-not-show@127.0.0.1:1/0",
  FRESHET_ALERT_SMTP_URL: "smtp://alerts:smtppass-Eg48-do-not-show@127.0.0.1:1",
  FRESHET_ALERT_ALERTMANAGER_URL: "http://alerts:managerpass-Fh59-do-not-show@127.0.0.1:1",
};
const SECRET_PARTS = [
  "smtppass-Eg48-do-not-show",
  "managerpass-Fh59-do-not-show",
  "redispass-Ml58-do-not-show",
  "wrongpass-Kj69-do-not-show",
  "urlpass-Ih70-do-not-show",
];

const settings = allSettings(domainModules);

/** A JSON Web Token: two JSON objects in base64. Compressed records have the first three characters by chance. */
const TOKEN = /eyJ[\w-]{10,}\.eyJ[\w-]{10,}/;

/** What was printed, written or served, and where. */
class Evidence {
  readonly #texts: { readonly where: string; readonly text: string }[] = [];

  add(where: string, text: string): void {
    this.#texts.push({ where, text });
  }

  has(text: string): boolean {
    return this.#texts.some((each) => each.text.includes(text));
  }

  matches(pattern: RegExp): boolean {
    return this.#texts.some((each) => pattern.test(each.text));
  }

  /** Every file under a folder, byte by byte. */
  async addFiles(folder: string): Promise<void> {
    for await (const { name, isDirectory, isFile } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) await this.addFiles(path);
      if (isFile) this.add(path, new TextDecoder("latin1").decode(await Deno.readFile(path)));
    }
  }

  /** Fails with the places where any of the forms turns up. */
  check(forms: ReadonlyMap<string, string>): void {
    const found = this.#texts.flatMap(({ where, text }) =>
      [...forms].filter(([form]) => text.includes(form)).map(([form, name]) => {
        const at = text.indexOf(form);
        return `${name} in ${where}: …${text.slice(Math.max(0, at - 80), at + form.length + 20)}…`;
      })
    );
    assertEquals(found, []);
  }
}

/** A secret as it is, as in JSON, in a URL, and in base64. */
function formsOf(secret: string): string[] {
  const bytes = new TextEncoder().encode(secret);
  return [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), bytes.toBase64().replace(/=+$/, "")];
}

/** Lines of a key's body, and those of the same key in its other forms. */
function linesOf(pem: string): string[] {
  const lines = pem.split("\n").filter((line) => line.length >= 40 && !line.startsWith("-----"));
  return [...lines, ...lines.map((line) => line.slice(0, 40)), new TextEncoder().encode(pem).toBase64().slice(40, 120)];
}

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

class Program {
  readonly #decoder = new TextDecoder();
  constructor(readonly folder: string, readonly evidence: Evidence) {}

  spawn(args: readonly string[], env: Readonly<Record<string, string>>): Deno.ChildProcess {
    return new Deno.Command(Deno.execPath(), {
      args: [...FRESHET, ...args],
      cwd: this.folder,
      clearEnv: true,
      env: {
        ...Object.fromEntries(["HOME", "PATH", "DENO_DIR"].map((name) => [name, Deno.env.get(name) ?? ""])),
        FRESHET_DATA_DIR: `${this.folder}/data`,
        FRESHET_API_PORT: "0",
        FRESHET_DASHBOARD_PORT: "0",
        FRESHET_LOG_LEVEL: "debug",
        FRESHET_DRAIN_MS: "2000",
        ...env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  async run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Outcome> {
    const child = this.spawn(args, env);
    await this.addProcess(child.pid);
    const { code, stdout, stderr } = await child.output();
    const told = { code, stdout: this.#decoder.decode(stdout), stderr: this.#decoder.decode(stderr) };
    this.add(args.join(" "), told);
    return told;
  }

  add(what: string, { stdout, stderr }: Outcome): void {
    this.evidence.add(`standard output of ${what}`, stdout);
    this.evidence.add(`standard error of ${what}`, stderr);
  }

  /** What everybody on the machine can see of a process. */
  async addProcess(pid: number): Promise<void> {
    for (const file of ["cmdline", "comm", "status"]) {
      this.evidence.add(`/proc/${pid}/${file}`, await Deno.readTextFile(`/proc/${pid}/${file}`).catch(() => ""));
    }
  }
}

const publicBody = (pem: string) => pem.replace(/-----[^-]+-----|\s/g, "");
const otherKey = () =>
  generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });

async function until(holds: () => boolean, seconds: number): Promise<boolean> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
    if (holds()) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return holds();
}

async function scrape(url: string, dashboard: string | undefined, evidence: Evidence): Promise<void> {
  const paths = [
    "/health",
    "/livez",
    "/readyz",
    "/metrics",
    "/api/status",
    "/api/instance",
    "/openapi.json",
    "/docs",
    "/nowhere",
  ];
  const tokens = [SECRETS.FRESHET_API_TOKEN, "wrongpass-Kj69-do-not-show", undefined];
  for (const token of tokens) {
    const headers: HeadersInit = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const requests: [string, RequestInit][] = paths.map((path) => [`${url}${path}`, { headers }]);
    const sql = "SELECT * FROM NO_SUCH_TABLE";
    requests.push([`${url}/api/query`, { method: "POST", headers, body: JSON.stringify({ sql }) }]);
    if (dashboard) requests.push([dashboard, { headers }]);
    for (const [address, init] of requests) {
      const response = await fetch(address, init);
      const told = JSON.stringify([...response.headers]);
      evidence.add(`the answer of ${address}`, `${told}\n${await response.text()}`);
    }
  }
}

Deno.test("every secret setting has a value to look for", () => {
  const names = Object.keys(settings).filter((name) => isSecret(name, settings) && !(name in WITH_SECRET_PART));
  assertEquals(names.toSorted(), Object.keys(SECRETS).toSorted());
});

Deno.test({
  name: "snowflake double: no secret in what the program prints, writes, serves or shows in the process list",
  ignore: skip !== undefined || Deno.build.os !== "linux",
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "freshet_secrets_" });
    const evidence = new Evidence();
    const program = new Program(folder, evidence);
    const passphrase = SECRETS.SNOWFLAKE_PRIVATE_KEY_PASSPHRASE!;
    let double: SnowflakeDouble | undefined;
    try {
      const keyPath = `${folder}/key.p8`;
      const made = await program.run(["keygen", keyPath], { SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: passphrase });
      const encryptedPem = await Deno.readTextFile(keyPath);
      const plainPem = createPrivateKey({ key: encryptedPem, passphrase }).export({ type: "pkcs8", format: "pem" })
        .toString();
      const rsaPublicKey = /SET RSA_PUBLIC_KEY = '([^']+)'/.exec(made.stdout)![1]!;
      const user: User = {
        name: "FRESHET",
        password: SECRETS.SNOWFLAKE_PASSWORD!,
        rsaPublicKey,
        accessTokens: [SECRETS.SNOWFLAKE_ACCESS_TOKEN!],
        expiredAccessTokens: ["wrongpass-Kj69-do-not-show"],
        oauthTokens: [SECRETS.SNOWFLAKE_OAUTH_TOKEN!],
        roles: ["FRESHET_WRITER"],
      };
      double = await startSnowflake({ users: [user] });
      const place = {
        SNOWFLAKE_ACCOUNT: double.account,
        SNOWFLAKE_ACCESS_URL: double.accessUrl,
        SNOWFLAKE_USER: "FRESHET",
        SNOWFLAKE_WAREHOUSE: double.warehouse,
        SNOWFLAKE_DATABASE: double.database,
        FRESHET_API_TOKEN: SECRETS.FRESHET_API_TOKEN!,
      };
      const key = { SNOWFLAKE_PRIVATE_KEY_PATH: keyPath, SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: passphrase };
      const wrongPem = (await makeKeyPair(2048, undefined)).privatePem;

      // Everything set at once, listed and warned about.
      const secretParts = Object.fromEntries(Object.entries(WITH_SECRET_PART).filter(([name]) => name in settings));
      const { SCHEMA_REGISTRY_TOKEN: _token, ...atOnce } = SECRETS;
      const listed = await program.run(["config"], {
        ...place,
        ...atOnce,
        ...secretParts,
        SCHEMA_REGISTRY_API_KEY: "k",
      });
      assert(/SNOWFLAKE_PASSWORD +\(set\)/.test(listed.stdout), listed.stdout + listed.stderr);
      await program.run(["config"], {
        ...place,
        ...SECRETS,
        FRESHET_API_PORT: "wrong",
        FRESHET_API_TOKEN: "with space Zk81-do-not-show",
      });

      // Logins that succeed.
      const query = ["query", "SELECT CURRENT_USER() AS U", "--json"];
      const good: readonly Readonly<Record<string, string>>[] = [
        key,
        { SNOWFLAKE_PRIVATE_KEY: plainPem.replaceAll("\n", "\\n") },
        { SNOWFLAKE_PRIVATE_KEY: new TextEncoder().encode(plainPem).toBase64() },
        { SNOWFLAKE_PRIVATE_KEY: encryptedPem, SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: passphrase },
        { SNOWFLAKE_PASSWORD: user.password! },
        { SNOWFLAKE_ACCESS_TOKEN: user.accessTokens![0]! },
        { SNOWFLAKE_OAUTH_TOKEN: user.oauthTokens![0]! },
      ];
      for (const credentials of good) {
        const { code, stdout, stderr } = await program.run(query, { ...place, ...credentials });
        assertEquals([code, stdout], [0, '[\n{"U":"FRESHET"}\n]\n'], stderr);
      }

      // Logins that fail.
      const bad: readonly Readonly<Record<string, string>>[] = [
        { SNOWFLAKE_PASSWORD: "wrongpass-Kj69-do-not-show" },
        { SNOWFLAKE_ACCESS_TOKEN: "wrongpass-Kj69-do-not-show" },
        { SNOWFLAKE_OAUTH_TOKEN: "wrongpass-Kj69-do-not-show" },
        { SNOWFLAKE_PRIVATE_KEY: wrongPem },
        { SNOWFLAKE_PRIVATE_KEY: SECRETS.SNOWFLAKE_PRIVATE_KEY! },
        { ...key, SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: "wrongpass-Kj69-do-not-show" },
        { SNOWFLAKE_PRIVATE_KEY_PATH: keyPath },
        { ...key, SNOWFLAKE_DATABASE: "NO_SUCH_DATABASE" },
        { ...key, SNOWFLAKE_USER: "NOBODY" },
        { ...key, SNOWFLAKE_ACCESS_URL: "http://freshet:urlpass-Ih70-do-not-show@127.0.0.1:1" },
      ];
      for (const credentials of bad) {
        const format = { FRESHET_LOG_FORMAT: Object.keys(credentials).length > 1 ? "json" : "text" };
        const { code, stderr } = await program.run(query, { ...place, ...credentials, ...format });
        assert(code !== 0 && stderr !== "", `${Object.keys(credentials)} must be refused`);
      }

      // Kafka and its login, where nobody listens.
      const kafka = { KAFKA_BROKERS: "127.0.0.1:1", KAFKA_SASL_MECHANISM: "plain", KAFKA_SASL_USERNAME: "k" };
      const { KAFKA_SASL_PASSWORD } = SECRETS;
      assertEquals((await program.run(["topics"], { ...kafka, KAFKA_SASL_PASSWORD: KAFKA_SASL_PASSWORD! })).code, 1);

      // A run with its settings in a file, that loses its session and finds its key no longer taken.
      const lines = {
        ...place,
        ...key,
        ...secretParts,
        FRESHET_ALERT_MAIL_FROM: "freshet@example.com",
        FRESHET_ALERT_MAIL_TO: "ops@example.com",
        KAFKA_SASL_PASSWORD: KAFKA_SASL_PASSWORD!,
        KAFKA_SASL_USERNAME: "k",
      };
      await Deno.writeTextFile(
        `${folder}/.env`,
        Object.entries({ ...lines, KAFKA_SASL_MECHANISM: "plain" }).map(([name, value]) => `${name}='${value}'\n`).join(
          "",
        ),
      );
      const child = program.spawn(["run", "trains", "--simulate"], {
        FRESHET_CHECKPOINT_MS: "500",
        FRESHET_LOG_FORMAT: "text",
      });
      let [stdout, stderr] = ["", ""];
      const read = [
        child.stdout.pipeThrough(new TextDecoderStream()).pipeTo(
          new WritableStream({ write: (text) => void (stdout += text) }),
        ),
        child.stderr.pipeThrough(new TextDecoderStream()).pipeTo(
          new WritableStream({ write: (text) => void (stderr += text) }),
        ),
      ];
      try {
        assert(await until(() => /[1-9]\d* accepted/.test(stderr), 60), stderr);
        await program.addProcess(child.pid);
        const url = /http:\/\/127\.0\.0\.1:\d+(?=\/docs)/.exec(stderr)![0];
        const dashboard = /dashboard +(http:\S+)/.exec(stderr)?.[1];
        await scrape(url, dashboard, evidence);
        double.control.setUser({ ...user, rsaPublicKey: publicBody(otherKey().publicKey) });
        await double.control.endSessions();
        assert(await until(() => /JWT|key/i.test(stderr) && double!.control.loginFailures().length > 10, 60), stderr);
        await scrape(url, dashboard, evidence);
        await evidence.addFiles(`${folder}/data`);
      } finally {
        child.kill("SIGTERM");
        await child.status;
        await Promise.all(read);
        program.add("the run", { code: 0, stdout, stderr });
      }
      await evidence.addFiles(`${folder}/data`);

      const forms = new Map<string, string>();
      for (const [name, secret] of Object.entries(SECRETS)) for (const form of formsOf(secret)) forms.set(form, name);
      for (const secret of SECRET_PARTS) {
        for (const form of formsOf(secret)) forms.set(form, `the secret part ${secret}`);
      }
      for (const pem of [plainPem, encryptedPem, wrongPem]) {
        for (const line of linesOf(pem)) forms.set(line, "a private key");
      }
      evidence.check(forms);
      assert(!evidence.matches(TOKEN), "a JSON Web Token was shown");
      assert(evidence.has("FRESHET") && evidence.has(double.database), "what is no secret is there: the search works");
    } finally {
      await double?.stop();
      await Deno.remove(folder, { recursive: true });
    }
  },
});
