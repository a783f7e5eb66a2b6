// The columns of visits.
import type { RowColumn } from "../../../http/dashboard/page/mod.ts";

export const SESSION_COLUMNS: readonly RowColumn[] = [
  { name: "WINDOW_START", title: "From", kind: "time" },
  { name: "DURATION_S", title: "Duration", kind: "seconds" },
  { name: "EVENT_COUNT", title: "Actions", kind: "number" },
  { name: "FIRST_PAGE", title: "First page", kind: "text" },
  { name: "LAST_PAGE", title: "Last page", kind: "text" },
  { name: "IS_FINAL", title: "State", kind: "final" },
];
