// One user's days and plan: sleep, meals, light, and what is recommended.
import { useMemo } from "preact/hooks";
import {
  Card,
  Chart,
  type ChartData,
  cutText,
  type DomainPage,
  Empty,
  Kpi,
  Kpis,
  numberText,
  panelHook,
  type QueryState,
  type RowColumn,
  RowsTable,
  setParams,
  useAddress,
  useDataTime,
  useNoRecords,
  Waiting,
} from "../../../http/dashboard/page/mod.ts";
import type { CircadianPanels, CircadianUser } from "../answers.ts";
import { ActogramCard, clock } from "./actogram.tsx";
import { PlanCard } from "./plan.tsx";

const useNothingYet = () => useNoRecords("Nobody has slept yet.");

const usePanel = panelHook<CircadianPanels>("circadian");

export const page: DomainPage = {
  title: "Circadian",
  show: () => <CircadianPage />,
  one: (id) => <CircadianPage only={id} />,
  ids: { hint: "sleeper", use: (isAsked) => usePanel(isAsked ? "users" : undefined).answer?.data.users },
  pathOf: { USER_ID: (id) => `/circadian/${encodeURIComponent(String(id))}` },
};

/** Of one user: whose page it is, or who is chosen. */
function CircadianPage({ only }: { readonly only?: string }) {
  const nothingYet = useNothingYet();
  const { params } = useAddress();
  const users = usePanel("users");
  const known = users.answer?.data;
  const user = only ?? params.get("user") ?? known?.users[0];
  const asked = usePanel(
    user === undefined ? undefined : "user",
    new URLSearchParams({ user: user ?? "" }),
  );
  useDataTime(known?.data_now);
  return (
    <>
      {only === undefined && (
        <div class="filters" role="group" aria-label="Filters">
          <label class="field">
            <span>User</span>
            <select value={user} onChange={(event) => setParams({ user: event.currentTarget.value })}>
              {user !== undefined && !known?.users.includes(user) && <option value={user}>{cutText(user, 40)}</option>}
              {known?.users.map((name) => <option key={name} value={name}>{cutText(name, 40)}</option>)}
            </select>
          </label>
          {known && known.count > known.users.length && (
            <p class="note">
              the first {known.users.length} of {numberText(known.count)} users; others by ?user=… in the address
            </p>
          )}
        </div>
      )}
      {users.error && !known && <p class="problem" role="alert">{users.error}</p>}
      {known && user === undefined
        ? <Empty>{nothingYet}</Empty>
        : !asked.answer
        ? <Waiting height={260} />
        : <UserCards asked={asked} />}
    </>
  );
}

type Day = CircadianUser["days"][number];

function UserCards({ asked }: { readonly asked: QueryState<CircadianUser> }) {
  const nothingYet = useNothingYet();
  const { user, days, activity } = asked.answer!.data;
  const [newest] = days;
  if (!newest) return <Empty>There is nothing about {cutText(user, 60)}: choose another user.</Empty>;
  const slept = days.find(({ sleep_hours }) => sleep_hours !== null);
  const fed = days.find(({ eating_window_hours }) => eating_window_hours !== null);
  return (
    <>
      <Kpis label={`Of ${cutText(user, 60)}`}>
        <Kpi
          label="Last sleep"
          value={numberText(slept?.sleep_hours)}
          unit="h"
          detail={slept && `${slept.date}, local day`}
        />
        <Kpi label="Middle of sleep" value={hourText(slept?.sleep_midpoint ?? null)} detail={slept?.time_zone} />
        <Kpi
          label="Regularity"
          value={numberText(slept?.sleep_regularity)}
          unit="h"
          detail="how far the middle of sleep moves in a week"
        />
        <Kpi
          label="Eating window"
          value={numberText(fed?.eating_window_hours)}
          unit="h"
          detail={fed && `${numberText(fed.meal_count, fed.meal_count === 1 ? "meal" : "meals")} on ${fed.date}`}
        />
      </Kpis>
      <div class="grid">
        <DaysChart days={days} asked={asked} />
        <PlanCard plan={asked.answer!.data.recommendation} asked={asked} />
        <ActogramCard days={days} asked={asked} />
        <Card title="Days" note="of the user's own time zone" asked={asked} width="wide">
          <RowsTable
            label="Days"
            rows={{
              columns: DAY_NAMES.map((name) => ({ name, type: "" })),
              rows: days.map((day) => DAY_NAMES.map((name) => day[name])),
              truncated: false,
            }}
            columns={DAY_COLUMNS}
            keys={["date", "time_zone"]}
            sort={{ key: "date", descending: true }}
            empty={nothingYet}
            tall
          />
        </Card>
        <Card title="The newest day" note={`${newest.date}, what came of it`} asked={asked}>
          <RowsTable
            label="The newest day"
            rows={activity}
            columns={ACTIVITY_COLUMNS}
            keys={["TIMESTAMP", "RECORD_CONTENT"]}
            empty="Nothing came of this day so far."
            tall
          />
        </Card>
      </div>
    </>
  );
}

const hourText = (hour: number | null): string => hour === null ? "–" : clock(hour);

const DAY_NAMES = [
  "date",
  "time_zone",
  "sleep_hours",
  "sleep_midpoint",
  "sleep_regularity",
  "eating_window_hours",
  "meal_count",
  "light_lux_hours",
  "is_final",
] as const;

const DAY_COLUMNS: readonly RowColumn[] = [
  { name: "date", title: "Day", kind: "text" },
  { name: "time_zone", title: "Zone", kind: "text" },
  { name: "sleep_hours", title: "Sleep", unit: "h", kind: "number" },
  {
    name: "sleep_midpoint",
    title: "Middle",
    kind: "number",
    show: (hour) => hourText(hour === null ? null : Number(hour)),
  },
  { name: "sleep_regularity", title: "Regularity", unit: "h", kind: "number" },
  { name: "eating_window_hours", title: "Eating", unit: "h", kind: "number" },
  { name: "meal_count", title: "Meals", kind: "number" },
  { name: "light_lux_hours", title: "Light", unit: "lux·h", kind: "number" },
  { name: "is_final", title: "State", kind: "final" },
];

const ACTIVITY_COLUMNS: readonly RowColumn[] = [
  { name: "TIMESTAMP", title: "Time", kind: "time" },
  { name: "ACTIVITY_TYPE", title: "What", kind: "text" },
  {
    name: "RECORD_CONTENT",
    title: "Details",
    kind: "text",
    show: (value) => <span class="clip">{detailsOf(value)}</span>,
  },
];

/** What a record says beyond who, when and what. */
function detailsOf(value: unknown): string {
  try {
    const { user_id: _user, timestamp: _time, activity_type: _type, time_zone: _zone, ...rest } = JSON.parse(
      String(value),
    );
    return cutText(
      Object.entries(rest).map(([name, value]) =>
        `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`
      ).join(", "),
      160,
    );
  } catch {
    return cutText(String(value), 160);
  }
}

function DaysChart({ days, asked }: { readonly days: readonly Day[]; readonly asked: QueryState<unknown> }) {
  const data = useMemo(() => daysChart(days), [days]);
  const sleeps = days.flatMap(({ sleep_hours }) => sleep_hours ?? []);
  const mean = sleeps.reduce((sum, hours) => sum + hours, 0) / sleeps.length;
  return (
    <Card title="Sleep, eating and light" note="each local day" asked={asked} width="wide">
      <Chart
        label={`Bar chart of ${days.length} days: ${numberText(mean, "h")} of sleep on average`}
        data={data}
        tall
      />
    </Card>
  );
}

function daysChart(days: readonly Day[]): ChartData {
  // A day that has only begun would look like one without light.
  const inOrder = days.filter(({ is_final, sleep_hours }) => is_final || sleep_hours !== null).reverse();
  const points = (of: (day: Day) => number | null) => inOrder.map((day, i) => [i, of(day)] as const);
  const bar = { kind: "bar", maxWidth: 26 } as const;
  return {
    axis: { kind: "places", names: inOrder.map(({ date }) => date.slice(5)) },
    left: { unit: "h" },
    right: { unit: "lux·h" },
    series: [
      { name: "sleep, h", ...bar, points: points(({ sleep_hours }) => sleep_hours) },
      { name: "eating window, h", ...bar, points: points(({ eating_window_hours }) => eating_window_hours) },
      {
        name: "light, lux·h",
        kind: "line",
        hasDots: true,
        isRight: true,
        points: points(({ light_lux_hours }) => light_lux_hours),
      },
    ],
  };
}
