// How the pipelines came to be as they are: rate, lag, delay, checkpoints and memory over hours, and the lag of each partition.
import { useMemo } from "preact/hooks";
import type { DaySample, DomainDaySample } from "../../protocol.ts";
import { setParams, useAddress } from "../address.ts";
import { useAnswer } from "../asking.ts";
import { countText, durationText, numberText } from "../format.ts";
import { Card, Empty, Waiting } from "../parts/card.tsx";
import { Chart } from "../parts/chart.tsx";
import type { ChartData, ChartSeries } from "../parts/chart_data.ts";
import { Horizon, type HorizonRow } from "../parts/horizon.tsx";

const HOURS = ["1", "6", "24"] as const;

/** What is drawn of each domain, between two samples that follow each other. */
interface Measure {
  readonly title: string;
  /** Of values; `ms` for lengths of time. */
  readonly unit: string;
  readonly of: (now: DomainDaySample, before: DomainDaySample, seconds: number) => number | null;
}

/** `null` where nothing was counted, or the process has begun anew. */
const per = (sum: number, count: number) => count > 0 && sum >= 0 ? sum / count : null;

const MEASURES: readonly Measure[] = [
  { title: "Rate", unit: "records/s", of: (now, before, seconds) => per(now.records - before.records, seconds) },
  { title: "Lag", unit: "records", of: ({ lag }) => lag },
  { title: "Watermark delay", unit: "ms", of: ({ behind_ms }) => behind_ms },
  {
    title: "Checkpoint time",
    unit: "ms",
    of: (now, before) => per(now.checkpoint_ms - before.checkpoint_ms, now.checkpoints - before.checkpoints),
  },
  {
    title: "Commit size",
    unit: "rows",
    of: (now, before) => per(now.rows - before.rows, now.checkpoints - before.checkpoints),
  },
];

export function PipelineHistory() {
  const { params } = useAddress();
  const hours = HOURS.find((one) => one === params.get("hours")) ?? "6";
  const asked = useAnswer<{ readonly samples: readonly DaySample[] }>(
    "/api/history/day",
    new URLSearchParams({ hours }),
  );
  const samples = asked.answer?.data.samples ?? [];
  return (
    <section class="history" aria-label="History of the pipelines">
      <div class="filters" role="group" aria-label="Hours">
        {HOURS.map((one) => (
          <button
            key={one}
            type="button"
            aria-pressed={one === hours}
            onClick={() => setParams({ hours: one === "6" ? undefined : one })}
          >
            last {one === "1" ? "hour" : `${one} hours`}
          </button>
        ))}
        <p class="note">of this process, also before it was started anew; a day is kept</p>
      </div>
      {!asked.answer ? <Waiting /> : samples.length < 2 ? <Empty>The history begins with the next sample.</Empty> : (
        <>
          <div class="small-multiples">
            {MEASURES.map((measure) => <MeasureCard key={measure.title} measure={measure} samples={samples} />)}
            <MemoryCard samples={samples} />
          </div>
          <LagCard samples={samples} />
        </>
      )}
    </section>
  );
}

interface SamplesProps {
  readonly samples: readonly DaySample[];
}

function MeasureCard({ measure: { title, unit, of }, samples }: SamplesProps & { readonly measure: Measure }) {
  const series = useMemo(() => {
    const names = Object.keys(samples.at(-1)!.domains);
    return names.map((name) => ({
      name,
      points: samples.slice(1).map(({ at, domains, started_at }, i) => {
        const { at: then, domains: old, started_at: startedThen } = samples[i]!;
        // What another process has counted is not to be compared.
        const [now, before] = [domains[name], started_at === startedThen ? old[name] : undefined];
        return [at, now && before ? of(now, before, (at - then) / 1000) : null] as const;
      }),
    }));
  }, [samples]);
  return <LinesCard title={title} unit={unit} series={series} samples={samples} />;
}

function MemoryCard({ samples }: SamplesProps) {
  const series = useMemo(
    () => [{ name: "process", points: samples.map(({ at, memory }) => [at, memory / 1_000_000] as const) }],
    [samples],
  );
  return <LinesCard title="Memory" unit="MB" series={series} samples={samples} />;
}

interface LinesCardProps extends SamplesProps {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly Pick<ChartSeries, "name" | "points">[];
}

function LinesCard({ title, unit, series, samples }: LinesCardProps) {
  const data = useMemo((): ChartData => ({
    axis: { kind: "time", from: samples[0]!.at, to: samples.at(-1)!.at },
    left: { unit, isDuration: unit === "ms" },
    series: series.map((one) => ({ ...one, kind: "line", width: 1.5 })),
  }), [series]);
  const textOf = (value: number | null | undefined) => unit === "ms" ? durationText(value) : numberText(value, unit);
  const last = series.map(({ name, points }) => `${name} ${textOf(points.at(-1)?.[1])}`).join(", ");
  return (
    <Card title={title}>
      <Chart
        label={`Lines of ${title.toLowerCase()}, at the end: ${last}`}
        data={data}
      />
    </Card>
  );
}

function LagCard({ samples }: SamplesProps) {
  const rows = useMemo(() => lagRows(samples), [samples]);
  const most = Math.max(1, ...rows.flatMap(({ values }) => values.flatMap((value) => value ?? [])));
  const length = samples.at(-1)!.at - samples[0]!.at;
  return (
    <Card
      title="Lag by partition"
      note={`the higher and the darker, the more records wait; full at ${countText(most, "records")} · ${
        durationText(length)
      } up to now`}
      width="full"
    >
      <Horizon
        rows={rows}
        most={most}
        wordsOf={(value) => countText(value, "records")}
        span={{ from: samples[0]!.at, to: samples.at(-1)!.at }}
      />
    </Card>
  );
}

function lagRows(samples: readonly DaySample[]): readonly HorizonRow[] {
  return Object.entries(samples.at(-1)!.domains).flatMap(([domain, { lags }]) =>
    lags.map(([partition]) => ({
      name: `${domain} ${partition}`,
      values: samples.map(({ domains }) => domains[domain]?.lags.find(([one]) => one === partition)?.[1] ?? null),
    }))
  );
}
