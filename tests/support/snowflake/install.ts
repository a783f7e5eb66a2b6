// Makes the Python environment of the Snowflake double beforehand: deno run -A tests/support/snowflake/install.ts

import { pythonWithFakesnow } from "./python.ts";

console.log(await pythonWithFakesnow());
