// AWS's own settings for the time of a test: the signer for MSK reads them from the process.

/** Runs `body` with these variables and no other of AWS's. */
export async function withAws(variables: Readonly<Record<string, string>>, body: () => Promise<void>): Promise<void> {
  const before = Object.entries(Deno.env.toObject()).filter(([name]) => name.startsWith("AWS_"));
  const own = { AWS_EC2_METADATA_DISABLED: "true", AWS_SHARED_CREDENTIALS_FILE: "/none", AWS_CONFIG_FILE: "/none" };
  for (const [name] of before) Deno.env.delete(name);
  const set = { ...own, ...variables };
  for (const [name, value] of Object.entries(set)) Deno.env.set(name, value);
  try {
    await body();
  } finally {
    for (const name of Object.keys(set)) Deno.env.delete(name);
    for (const [name, value] of before) Deno.env.set(name, value);
  }
}
