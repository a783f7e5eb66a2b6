// The speed of each train as a strip over time: where it ran, where it stood, and which trains do otherwise than the others.
import { Fragment } from "preact";
import { useContext, useMemo } from "preact/hooks";
import {
  Card,
  clockText,
  Empty,
  everyText,
  Link,
  LookContext,
  NO_RECORDS_IN_RANGE,
  numberText,
  type QueryState,
  shadeOf,
  TimeNotes,
  TimeTicks,
  Waiting,
} from "../../../http/dashboard/page/mod.ts";
import type { TrainDistributions } from "../answers.ts";
import { lookedAt } from "./charts.tsx";
import { trainPath } from "./status.tsx";

export function SpeedCard({ asked }: { readonly asked: QueryState<TrainDistributions> }) {
  const data = asked.answer?.data;
  return (
    <Card
      title="Speed by train"
      note={data && <>mean, {everyText(data.bucket_s)} · {lookedAt(data)}</>}
      asked={asked}
      width="wide"
    >
      {!data
        ? <Waiting height={260} />
        : data.speeds.length === 0
        ? <Empty>{NO_RECORDS_IN_RANGE}</Empty>
        : <Strips data={data} />}
    </Card>
  );
}

function Strips({ data }: { readonly data: TrainDistributions }) {
  const { zone } = useContext(LookContext);
  const trains = useMemo(() => [...Map.groupBy(data.speeds, ({ train }) => train)], [data]);
  const most = Math.max(1, ...data.speeds.map(({ mean }) => mean));
  const width = (data.to - data.from) / 1000 / data.bucket_s;
  const place = (at: number) => (at - data.from / 1000) / data.bucket_s;
  return (
    <div class="strips">
      <div class="over-time">
        <TimeNotes from={data.from} to={data.to} />
      </div>
      {trains.map(([train, speeds]) => (
        <Fragment key={train}>
          <Link to={trainPath(train)}>
            <bdi>{train.slice(0, 24)}</bdi>
          </Link>
          <svg
            viewBox={`0 0 ${width} 1`}
            preserveAspectRatio="none"
            role="img"
            aria-label={`Mean speed of ${train.slice(0, 80)}: ${numberText(meanOf(speeds), "km/h")}`}
          >
            {speeds.map(({ at, mean }) => (
              <rect
                key={at}
                class={shadeOf(mean / most)}
                x={place(at)}
                y={0}
                width={1.02}
                height={1}
              >
                <title>
                  {`${train.slice(0, 24)} ${clockText(at * 1000, zone, data.to)}: ${numberText(mean, "km/h")}`}
                </title>
              </rect>
            ))}
          </svg>
        </Fragment>
      ))}
      <span />
      <TimeTicks from={data.from} to={data.to} />
      <span />
      <span class="strips-scale muted">
        0 <span class="ramp" aria-hidden="true" /> {numberText(Math.round(most), "km/h")}
      </span>
    </div>
  );
}

function meanOf(speeds: TrainDistributions["speeds"]): number {
  return speeds.reduce((sum, { mean }) => sum + mean, 0) / Math.max(1, speeds.length);
}
