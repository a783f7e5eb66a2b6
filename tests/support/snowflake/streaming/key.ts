// A key pair of this process, and the double's default user with it: Snowpipe Streaming takes nothing else.

import { generateKeyPairSync } from "node:crypto";
import { DEFAULT_USER, type User } from "../mod.ts";

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

export const PRIVATE_KEY = privateKey.export({ type: "pkcs8", format: "pem" }).toString();

/** The double's default user, with the key. */
export const KEY_USER: User = {
  ...DEFAULT_USER,
  rsaPublicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
};
