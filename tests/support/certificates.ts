// A certificate authority, one between, a server certificate for 127.0.0.1 and localhost, and whatever else a test wants to
// have issued, made by openssl for one test run.

import { run } from "./kafka/jars.ts";

export interface Certificates {
  /** PEM text of the authority that signed the server's certificate. */
  readonly ca: string;
  /** PEM text of another authority. */
  readonly otherCa: string;
  /** PEM file with the server's key, its certificate and that of the authority between. */
  readonly keyStorePath: string;
}

export async function makeCertificates(folder: string): Promise<Certificates> {
  const path = (name: string) => `${folder}/${name}`;
  await makeAuthority(path("ca"));
  await makeAuthority(path("other"));
  await makeSigned(path("between"), "/CN=test intermediate", path("ca"), "basicConstraints=critical,CA:TRUE");
  await makeSigned(path("server"), "/CN=localhost", path("between"), "subjectAltName=DNS:localhost,IP:127.0.0.1");
  const key = await run("openssl", ["pkcs8", "-topk8", "-nocrypt", "-in", path("server.key")]);
  const chain = await Promise.all(["server.pem", "between.pem"].map((name) => Deno.readTextFile(path(name))));
  await Deno.writeTextFile(path("keystore.pem"), key + chain.join(""));
  return {
    ca: await Deno.readTextFile(path("ca.pem")),
    otherCa: await Deno.readTextFile(path("other.pem")),
    keyStorePath: path("keystore.pem"),
  };
}

/** What is issued, as files and as PEM text. */
export interface Issued {
  readonly certPath: string;
  readonly keyPath: string;
  readonly cert: string;
  readonly key: string;
}

export interface IssueOptions {
  /** Of the file, and the common name. */
  readonly name: string;
  /** Which of the authorities in the folder signs. */
  readonly authority?: "ca" | "other";
  /** Below zero for a certificate that has expired. */
  readonly days?: number;
  /** Whether it can be a server on this machine. */
  readonly server?: boolean;
}

/** A further certificate of the authorities that {@link makeCertificates} made in the folder. */
export async function issueCertificate(
  folder: string,
  { name, authority = "ca", days = 2, server = false }: IssueOptions,
): Promise<Issued> {
  const path = `${folder}/${name}`;
  const extension = server ? "subjectAltName=DNS:localhost,IP:127.0.0.1" : "extendedKeyUsage=clientAuth";
  await makeSigned(path, `/CN=${name}`, `${folder}/${authority}`, extension, days);
  const [certPath, keyPath] = [`${path}.pem`, `${path}.key`];
  return { certPath, keyPath, cert: await Deno.readTextFile(certPath), key: await Deno.readTextFile(keyPath) };
}

async function makeAuthority(path: string): Promise<void> {
  await run("openssl", [
    ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", `/CN=test authority ${path.at(-1)}`],
    ...["-keyout", `${path}.key`, "-out", `${path}.pem`],
  ]);
}

async function makeSigned(
  path: string,
  subject: string,
  authority: string,
  extension: string,
  days = 2,
): Promise<void> {
  await run("openssl", [
    ...["req", "-newkey", "rsa:2048", "-nodes", "-subj", subject],
    ...["-keyout", `${path}.key`, "-out", `${path}.csr`],
  ]);
  await Deno.writeTextFile(`${path}.extensions`, `${extension}\n`);
  await run("openssl", [
    ...["x509", "-req", "-in", `${path}.csr`, "-CA", `${authority}.pem`, "-CAkey", `${authority}.key`],
    ...["-CAcreateserial", "-days", String(days), "-extfile", `${path}.extensions`, "-out", `${path}.pem`],
  ]);
}
