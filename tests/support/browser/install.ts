// Installs Chromium by apt, as root, where it is missing: deno run -A tests/support/browser/install.ts

import { chromiumPath } from "./chromium.ts";

async function apt(...args: string[]): Promise<void> {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const { success } = await new Deno.Command("apt-get", { args: ["-qq", ...args], env, stdout: "null" }).output();
  if (!success) throw new Error(`apt-get ${args.join(" ")} failed`);
}

if (await chromiumPath() === undefined) {
  await apt("update");
  await apt("install", "-y", "--no-install-recommends", "chromium", "fonts-noto-core", "fonts-dejavu-core");
}
console.log(await chromiumPath());
