// The version of the program.
import manifest from "../../deno.json" with { type: "json" };

/** As in deno.json. */
export const VERSION: string = (manifest as { readonly version?: string }).version ?? "0.0.0";
