// Runs the cache contract in memory, and against a real Redis server where one can be started.

import { memoryCache } from "../../src/cache/memory.ts";
import { redisCache } from "../../src/cache/redis.ts";
import { systemClock } from "../../src/clock.ts";
import { RedisServer, whyNoRedis } from "../support/redis/server.ts";
import { SteppingClock } from "../simulators/stepping_clock.ts";
import { cacheContract } from "./cache_contract.ts";

cacheContract({
  name: "memory",
  place() {
    const clock = new SteppingClock(1_000_000);
    return Promise.resolve({
      open: (holdMs: number) => Promise.resolve(memoryCache({ clock, holdMs })),
      pass: (ms: number) => Promise.resolve(clock.pass(ms)),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  },
});

const skip = await whyNoRedis();
const server = skip === undefined ? await RedisServer.start() : undefined;
Deno.test.afterAll(async () => await server?.[Symbol.asyncDispose]());

cacheContract({
  name: "redis",
  skip,
  place() {
    // Redis has no clock of ours: its time really passes.
    return Promise.resolve({
      async open(holdMs: number) {
        const known = Promise.withResolvers<void>();
        const onChange = ({ reachable }: { readonly reachable: boolean }) => reachable && known.resolve();
        const prefix = `${crypto.randomUUID()}:`;
        const cache = redisCache({ url: server!.url, clock: systemClock, prefix, holdMs, onChange });
        await known.promise;
        return cache;
      },
      pass: (ms: number) => systemClock.sleep(ms),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  },
});
