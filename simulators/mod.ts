// What simulators have in common, for those who run them. Which there are is said by the domains: each names its own.

export * from "./pacer.ts";
export * from "./simulator.ts";
export * from "./spoil.ts";
