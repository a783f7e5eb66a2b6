// Panels: questions that a dashboard asks the tables of a domain. For the domains' panels.ts; must not know HTTP, nor any domain.
export { alertCounts, alertsOf, type AlertTable } from "./alerts.ts";
export type { Alert, Compared, Heat, Multiples, OneThing, Rows, Span, Timeline } from "./answers.ts";
export { madePanels } from "./made.ts";
export { heatOf } from "./heat.ts";
export { MAX_MULTIPLES, multiplesBucket, multiplesOf } from "./multiples.ts";
export { isOne, newestRecords, type OneFilter, oneFilter } from "./one.ts";
export * from "./panel.ts";
