// A certificate authority and a server certificate for 127.0.0.1 and localhost, made by openssl for one test run.

import { run } from "./jars.ts";

export interface Certificates {
  /** PEM text of the authority that signed the server's certificate. */
  readonly ca: string;
  /** PEM text of another authority. */
  readonly otherCa: string;
  /** PEM file with the server's key and its certificate. */
  readonly keyStorePath: string;
}

export async function makeCertificates(folder: string): Promise<Certificates> {
  const path = (name: string) => `${folder}/${name}`;
  await makeAuthority(path("ca"));
  await makeAuthority(path("other"));
  await run("openssl", [
    ...["req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"],
    ...["-keyout", path("server.key"), "-out", path("server.csr")],
  ]);
  await Deno.writeTextFile(path("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  await run("openssl", [
    ...["x509", "-req", "-in", path("server.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key")],
    ...["-CAcreateserial", "-days", "2", "-extfile", path("names"), "-out", path("server.pem")],
  ]);
  const key = await run("openssl", ["pkcs8", "-topk8", "-nocrypt", "-in", path("server.key")]);
  await Deno.writeTextFile(path("keystore.pem"), key + await Deno.readTextFile(path("server.pem")));
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
