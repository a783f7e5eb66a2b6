// A certificate authority, one between, and a server certificate for 127.0.0.1 and localhost, made by openssl for one test run.

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

async function makeAuthority(path: string): Promise<void> {
  await run("openssl", [
    ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", `/CN=test authority ${path.at(-1)}`],
    ...["-keyout", `${path}.key`, "-out", `${path}.pem`],
  ]);
}

async function makeSigned(path: string, subject: string, authority: string, extension: string): Promise<void> {
  await run("openssl", [
    ...["req", "-newkey", "rsa:2048", "-nodes", "-subj", subject],
    ...["-keyout", `${path}.key`, "-out", `${path}.csr`],
  ]);
  await Deno.writeTextFile(`${path}.extensions`, `${extension}\n`);
  await run("openssl", [
    ...["x509", "-req", "-in", `${path}.csr`, "-CA", `${authority}.pem`, "-CAkey", `${authority}.key`],
    ...["-CAcreateserial", "-days", "2", "-extfile", `${path}.extensions`, "-out", `${path}.pem`],
  ]);
}
