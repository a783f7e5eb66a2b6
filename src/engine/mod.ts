// The engine's face: what runs one domain.
export * from "./status.ts";
