// Web user actions: how many a minute of which kind, and the visits they make.
import {
  Card,
  Chosen,
  clockText,
  countText,
  type DomainPage,
  durationText,
  Empty,
  Filters,
  Histogram,
  Kpi,
  KpiRow,
  Kpis,
  momentOf,
  NO_RECORDS_IN_RANGE,
  numberText,
  panelHook,
  type QueryState,
  rangeParams,
  type RowColumn,
  RowsTable,
  share,
  TableCard,
  TimelineCard,
  useAddress,
  useCompared,
  useDataTime,
  useNoRecords,
  Waiting,
  type Zone,
} from "../../../http/dashboard/page/mod.ts";
import type { ActionKpis, ActionsPanels, Sessions } from "../answers.ts";
import { SESSION_COLUMNS } from "./columns.ts";
import { UserPage } from "./one.tsx";

const useNothingYet = () =>
  useNoRecords("No action has come yet.", () => "POST /events on the API's port takes your own");

const usePanel = panelHook<ActionsPanels>("actions");

export const page: DomainPage = {
  title: "Actions",
  show: () => <ActionsPage />,
  one: (id) => <UserPage id={id} />,
  pathOf: { USER_ID: userPath },
};

function ActionsPage() {
  const nothingYet = useNothingYet();
  const { params } = useAddress();
  const chosen = params.getAll("action");
  const actions = new URLSearchParams(chosen.map((action) => ["action", action]));
  const range = rangeParams(params);
  const kpis = usePanel("kpis", actions);
  const ranged = new URLSearchParams([...range, ...actions]);
  const perMinute = usePanel("per-minute", ranged);
  const compared = useCompared(usePanel, "per-minute", ranged);
  const kinds = usePanel("kinds", range);
  const sessions = usePanel("sessions", range);
  useDataTime(kpis.answer?.data.data_now);
  return (
    <>
      <Filters all={{ title: "All actions", names: ["action"] }} canCompare>
        <Chosen
          name="action"
          title="Action"
          chosen={chosen}
          offered={kinds.answer?.data.rows.map(([action]) => String(action)) ?? []}
        />
      </Filters>
      <KpiRow asked={kpis} show={kpisOf} empty={nothingYet} />
      <div class="grid">
        <TimelineCard
          title="Actions per minute"
          note="by kind, stacked"
          unit="actions/min"
          others="other kinds"
          asked={perMinute}
          compared={compared}
        />
        <TableCard
          title="Kinds of action"
          note="in the time range"
          asked={kinds}
          columns={KIND_COLUMNS}
          keys={["ACTION"]}
          sort={{ key: "ACTION_COUNT", descending: true }}
        />
        <SessionsCards asked={sessions} />
      </div>
    </>
  );
}

function kpisOf(data: ActionKpis, zone: Zone) {
  if (data.data_now === null || data.minute === null) return undefined;
  const minute = `in the minute from ${clockText(momentOf(data.minute), zone).slice(0, 5)}`;
  return (
    <Kpis label="Actions">
      <Kpi
        label="Actions"
        value={numberText(data.actions.now)}
        unit="/min"
        change={share(data.actions, "vs mean of the hour before")}
        detail={minute}
      />
      <Kpi label="Users" value={numberText(data.users)} detail={`of the most frequent kind, ${minute}`} />
      <Kpi label="Open sessions" value={numberText(data.open_sessions)} detail="no action for 30 min ends one" />
      <Kpi
        label="Mean session"
        value={durationText(data.session_s.now === null ? null : data.session_s.now * 1000)}
        change={share(data.session_s, "vs the hour before")}
        detail="of those ended in the last hour"
      />
    </Kpis>
  );
}

const KIND_COLUMNS: readonly RowColumn[] = [
  { name: "ACTION", title: "Action", kind: "text" },
  { name: "ACTION_COUNT", title: "Count", unit: "actions", kind: "number" },
];

/** Path of the page about a user. */
function userPath(user: unknown): string {
  return `/actions/${encodeURIComponent(String(user))}`;
}

const USER_COLUMN: RowColumn = { name: "USER_ID", title: "User", kind: "text", to: userPath };

function SessionsCards({ asked }: { readonly asked: QueryState<Sessions> }) {
  const data = asked.answer?.data;
  const pages = data && {
    columns: ["PAGE", "FIRST", "LAST"].map((name) => ({ name, type: "" })),
    rows: data.pages.map(({ page, first, last }) => [page, first, last]),
    truncated: false,
  };
  return (
    <>
      <Card
        title="How long sessions are"
        note={data && `${countText(data.count, "sessions")} that began in the time range`}
        asked={asked}
      >
        {!data ? <Waiting height={260} /> : data.count === 0 ? <Empty>{NO_RECORDS_IN_RANGE}</Empty> : (
          <Histogram
            title="Duration of sessions"
            unit="min"
            counted="sessions"
            width={2}
            bins={data.minutes}
            more={60}
            tall
          />
        )}
      </Card>
      <Card title="Where sessions begin and end" note="sessions by their first and their last page" asked={asked}>
        {!pages ? <Waiting height={260} /> : (
          <RowsTable
            label="Where sessions begin and end"
            rows={pages}
            columns={[
              { name: "PAGE", title: "Page", kind: "text" },
              { name: "FIRST", title: "Began", kind: "number" },
              { name: "LAST", title: "Ended", kind: "number" },
            ]}
            keys={["PAGE"]}
            sort={{ key: "FIRST", descending: true }}
            empty={NO_RECORDS_IN_RANGE}
            tall
          />
        )}
      </Card>
      <Card
        title="Newest sessions"
        note={data && `the newest ${numberText(data.newest.rows.length)}`}
        asked={asked}
        width="wide"
      >
        {!data ? <Waiting height={260} /> : (
          <RowsTable
            label="Newest sessions"
            rows={data.newest}
            columns={[USER_COLUMN, ...SESSION_COLUMNS]}
            keys={["USER_ID", "WINDOW_START"]}
            empty={NO_RECORDS_IN_RANGE}
            tall
          />
        )}
      </Card>
    </>
  );
}
