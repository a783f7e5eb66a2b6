// The engine: runs a domain between a log and a warehouse, exactly once. Knows neither which log nor which warehouse.

export { deadLetterTopic } from "./dead_letter_topic.ts";
export * from "./options.ts";
export * from "./runner.ts";
export * from "./status.ts";
