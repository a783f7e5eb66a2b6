// Loaded before the program: rejects a promise that nobody awaits once there is a file `fail_now` in the working folder.
import { existsSync } from "node:fs";

const timer = setInterval(() => {
  if (!existsSync("fail_now")) return;
  clearInterval(timer);
  Promise.reject(new Error("This failed on purpose"));
}, 20);
// What is loaded before is waited for until it has nothing more to do.
Deno.unrefTimer(timer);
