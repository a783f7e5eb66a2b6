// Tokens for Amazon MSK by IAM: presigned addresses, made by AWS's own signer, which go over the wire as OAUTHBEARER.
// Knows nothing of Kafka. The signer is loaded when it is first needed; it reads AWS's own settings and files itself.

import { LogRefusedError, LogUnavailableError } from "../../errors.ts";
import type { Token } from "./token_source.ts";

/** Makes a token each time it is called. */
export async function awsMskIam({ region }: { readonly region: string }): Promise<() => Promise<Token>> {
  const { generateAuthToken } = await import("aws-msk-iam-sasl-signer-js");
  let hasWorked = false;
  return async () => {
    try {
      const { token: value, expiryTime } = await generateAuthToken({ region });
      hasWorked = true;
      return { value, lifeMs: expiryTime - Date.now() };
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      // Credentials that were there before come back: the machine's or the pod's service for them is away.
      if (!hasWorked && cause instanceof Error && /CredentialsProviderError/.test(cause.name)) {
        throw new LogRefusedError(
          `AWS credentials for Kafka cannot be found (${why}): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the ` +
            "environment, or AWS_PROFILE, or give the machine or pod a role",
          { cause },
        );
      }
      throw new LogUnavailableError(`AWS credentials for Kafka cannot be had now (${why}): look at their source`, {
        cause,
      });
    }
  };
}
