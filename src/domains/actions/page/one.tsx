// One user of the web site: visits and actions.
import {
  Empty,
  Filters,
  NO_RECORDS_IN_RANGE,
  NotYet,
  panelHook,
  type QueryState,
  rangeParams,
  RecordsCard,
  type RowColumn,
  type Rows,
  TableCard,
  useAddress,
} from "../../../http/dashboard/page/mod.ts";
import type { ActionsPanels } from "../answers.ts";
import { SESSION_COLUMNS } from "./columns.ts";

const usePanel = panelHook<ActionsPanels>("actions");

export function UserPage({ id }: { readonly id: string }) {
  const { params } = useAddress();
  const one = usePanel("one", new URLSearchParams([...rangeParams(params), ["id", id]]));
  const { answer } = one;
  if (!answer) return <NotYet asked={one} />;
  const sessions: QueryState<Rows> = { ...one, answer: { ...answer, data: answer.data.sessions } };
  return (
    <>
      <Filters />
      {answer.data.sessions.rows.length === 0 && answer.data.records.rows.length === 0
        ? <Empty>Nothing is known of this user here. {NO_RECORDS_IN_RANGE}</Empty>
        : (
          <div class="grid">
            <TableCard
              title="Visits"
              note="that began in the time range"
              asked={sessions}
              columns={SESSION_COLUMNS}
              keys={["WINDOW_START"]}
              width="full"
            />
            <RecordsCard table="USER_ACTIONS" columns={RECORD_COLUMNS} asked={one} />
          </div>
        )}
    </>
  );
}

const RECORD_COLUMNS: readonly RowColumn[] = [
  { name: "TIMESTAMP", title: "Time", kind: "time" },
  { name: "ACTION", title: "Action", kind: "text" },
  { name: "PAGE", title: "Page", kind: "text" },
  { name: "DEVICE", title: "Device", kind: "text" },
];
