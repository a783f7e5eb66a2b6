// Loaded before the program: once there is a file `ask_now` in the working folder, with an address in it, tries what code in
// the program's process could do, and writes what came of it to `asked.json`.
import { existsSync, readFileSync, writeFileSync } from "node:fs";

async function tried(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
    return "done";
  } catch (error) {
    return (error as Error).name;
  }
}

async function ask(address: string): Promise<void> {
  const asked = {
    fetch: await tried(async () => await (await fetch(address)).text()),
    connect: await tried(async () =>
      (await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(address).port) })).close()
    ),
    listen: await tried(() => Deno.listen({ hostname: "127.0.0.1", port: 0 }).close()),
    env: await tried(() => Deno.env.get("FRESHET_API_TOKEN")),
    run: await tried(() => new Deno.Command("true").output()),
    import: await tried(() => import(`${address}/module.js`)),
  };
  writeFileSync("asked.json.new", JSON.stringify(asked));
  Deno.renameSync("asked.json.new", "asked.json");
}

const timer = setInterval(() => {
  if (!existsSync("ask_now")) return;
  clearInterval(timer);
  ask(readFileSync("ask_now", "utf8"));
}, 20);
// What is loaded before is waited for until it has nothing more to do.
Deno.unrefTimer(timer);
