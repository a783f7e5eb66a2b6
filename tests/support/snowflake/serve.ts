// The Snowflake double as a process of its own: deno run -A tests/support/snowflake/serve.ts [port]
// Prints how to reach it; faults and the log are at POST /double/… (see `ownPath` in mod.ts). Ends on SIGINT or SIGTERM.

import { DEFAULT_USER, startSnowflake } from "./mod.ts";
import { KEY_USER, PRIVATE_KEY } from "./streaming/key.ts";

const double = await startSnowflake({ users: [KEY_USER], port: Number(Deno.args[0] ?? 0) });
console.log(JSON.stringify({
  accessUrl: double.accessUrl,
  account: double.account,
  user: DEFAULT_USER.name,
  password: DEFAULT_USER.password,
  privateKey: PRIVATE_KEY,
  role: DEFAULT_USER.roles[0],
  warehouse: double.warehouse,
  database: double.database,
  schema: double.schema,
}));
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, async () => {
    await double.stop();
    Deno.exit(0);
  });
}
