// The pipelines themselves: how far each partition is, how fast, and what could not be used.
import { useContext } from "preact/hooks";
import { type DomainStatus, totalLag } from "../../../../engine/status.ts";
import type { About, DomainSample, StatusHistoryAnswer } from "../../protocol.ts";
import { useAnswer, usePipelinePanel } from "../asking.ts";
import {
  agoText,
  clockText,
  countText,
  cutText,
  durationText,
  momentOf,
  numberText,
  timeText,
  wordsOf,
  type Zone,
  zoneText,
} from "../format.ts";
import type { LiveNews } from "../live_stream.ts";
import { DeadLetterCards } from "./dead_letters.tsx";
import { PipelineHistory } from "./pipeline_history.tsx";
import { TopicCard } from "./topics/mod.tsx";
import { LookContext } from "../look.ts";
import { Card, Waiting } from "../parts/card.tsx";
import { type Column, DataTable, Text } from "../parts/data_table.tsx";
import { Fact } from "../parts/fact.tsx";
import { holdersIn, operatorNames } from "../operator_names.ts";
import { PhaseTag } from "../parts/phase_tag.tsx";
import { Trend } from "../parts/trend.tsx";
import { linesOf, type Rates, useRates } from "../rates.ts";

export interface PipelinePageProps {
  readonly about: About;
  readonly live: LiveNews;
}

export function PipelinePage({ about, live }: PipelinePageProps) {
  const status = live.news.status;
  const rates = useRates(status);
  const history = useAnswer<StatusHistoryAnswer>("/api/history").answer?.data;
  return (
    <>
      {!status ? <Waiting height="page" /> : (
        // Keys, or else Preact takes the other grid for this one, and all moves.
        <div key="domains" class="pairs">
          {status.domains.map((domain) => (
            <DomainCard
              key={domain.domain}
              domain={domain}
              now={status.now}
              rates={rates}
              samples={history?.domains[domain.domain] ?? []}
            />
          ))}
        </div>
      )}
      <PipelineHistory />
      <div key="more" class="grid">
        <DeadLetterCards between={<LateCard status={status} />} mayRepublish={about.may_all} />
        <TopicCard />
      </div>
    </>
  );
}

type Partition = DomainStatus["partitions"][number];

interface DomainCardProps {
  readonly domain: DomainStatus;
  readonly now: number;
  readonly rates: Rates;
  /** Of the last hour. */
  readonly samples: readonly DomainSample[];
}

interface PartitionColumns {
  readonly now: number;
  readonly zone: Zone;
  /** Records a second. */
  readonly rateOf: (partition: number) => number | undefined;
}

function partitionColumns({ now, zone, rateOf }: PartitionColumns): readonly Column<Partition>[] {
  return [
    { key: "partition", title: "Partition", show: ({ partition }) => partition, by: ({ partition }) => partition },
    {
      key: "rate",
      title: "Rate",
      unit: "/s",
      numeric: true,
      show: ({ partition }) => numberText(rateOf(partition)),
    },
    {
      key: "lag",
      title: "Lag",
      numeric: true,
      show: ({ lag }) => numberText(lag),
      by: ({ lag }) => lag,
    },
    {
      key: "confirmed",
      title: "Lag told",
      show: ({ confirmedAt }) => confirmedAt === null ? "not yet" : agoText(Math.max(0, now - confirmedAt)),
      by: ({ confirmedAt }) => confirmedAt,
    },
    {
      key: "next",
      title: "Next offset",
      numeric: true,
      show: ({ nextOffset }) => numberText(nextOffset),
      by: ({ nextOffset }) => nextOffset,
    },
    {
      key: "watermark",
      title: "Watermark",
      unit: zoneText(zone),
      // With its date only where that is another day: the table has to fit in half of a page.
      show: ({ watermark }) => watermark === null ? "none yet" : <time>{clockText(watermark, zone, now)}</time>,
      by: ({ watermark }) => watermark,
    },
    {
      key: "behind",
      title: "Behind",
      numeric: true,
      show: ({ watermark }) => watermark === null ? "–" : durationText(now - watermark),
      by: ({ watermark }) => watermark === null ? null : now - watermark,
    },
  ];
}

function DomainCard({ domain: status, now, rates, samples }: DomainCardProps) {
  const { zone } = useContext(LookContext);
  const { domain, topic, copy, phase, totals, partitions, openWindows, lastError, lastCheckpointAt } = status;
  const { standstill, retryAt } = status;
  const lines = linesOf(samples);
  const obstacles = partitions.filter(({ obstacle }) => obstacle !== null);
  return (
    <Card
      title={wordsOf(domain)}
      note={
        <>
          topic <bdi>{topic}</bdi>
          {copy && (
            <>
              , a copy of <bdi>{copy.topic}</bdi> by key
            </>
          )} · <PhaseTag status={status} />
        </>
      }
    >
      {lastError !== null && (
        <p class="problem" role="alert">
          <bdi>{cutText(lastError, 2_000)}</bdi>
          {retryAt !== null && ` It is tried again in ${durationText(Math.max(0, retryAt - now))}.`}
        </p>
      )}
      {standstill !== null && (
        <p class="problem" role="alert">
          Stands still for {durationText(now - standstill.since)}: <bdi>{standstill.reason}</bdi>
        </p>
      )}
      {standstill === null &&
        obstacles.map(({ partition, obstacle }) => <p key={partition} class="note">Partition {partition} {obstacle}.
        </p>)}
      <dl class="trends trends-beside">
        <Trend name="Rate" value={numberText(rates.get(domain), "records/s")} line={lines.rate} />
        <Trend
          name="Lag"
          value={countText(totalLag(status) ?? 0, "records")}
          line={lines.lag}
        />
        <Trend
          name="Behind the clock"
          value={durationText(samples.at(-1)?.behind_ms)}
          line={lines.behind}
        />
      </dl>
      <dl class="facts">
        <Fact
          name="Last checkpoint"
          value={lastCheckpointAt === null ? "none yet" : agoText(now - lastCheckpointAt)}
        />
        <Fact name="Records" value={numberText(totals.records)} />
        <Fact name="Dead letters" value={numberText(totals.deadLetters)} bad={totals.deadLetters > 0} />
        <Fact name="Late records" value={numberText(totals.late)} />
        <Fact name="Checkpoints" value={numberText(totals.checkpoints)} />
        <Fact name="Restarts" value={numberText(totals.restarts)} bad={totals.restarts > 0} />
      </dl>
      <DataTable
        label={`Partitions of ${domain}`}
        columns={partitionColumns({ now, zone, rateOf: (partition) => rates.get(`${domain} ${partition}`) })}
        rows={partitions}
        keyOf={({ partition }) => String(partition)}
        empty={phase === "standby"
          ? "No partition is assigned to this process: another one of the group has them all."
          : "No partition is assigned to this process yet."}
      />
      <OpenWindows counts={openWindows} />
      <p class="note">Totals count since the process started.</p>
    </Card>
  );
}

/** How much each operator holds, by what people call it. */
function OpenWindows({ counts }: { readonly counts: DomainStatus["openWindows"] }) {
  const names = operatorNames(Object.keys(counts));
  const holders = holdersIn(Object.keys(counts));
  if (holders.length === 0) return <p class="note">No open windows or sessions.</p>;
  return (
    <>
      <h3 class="facts-head">Open windows and sessions</h3>
      <dl class="facts facts-small">
        {holders.map((operator) => (
          <Fact
            key={operator}
            name={cutText(names.get(operator)!, 60)}
            value={numberText(counts[operator])}
            title={`${cutText(operator, 120)}: keys that are kept`}
          />
        ))}
      </dl>
    </>
  );
}

/** Late records by what they came too late for. */
function LateCard({ status }: { readonly status: LiveNews["news"]["status"] }) {
  const { zone } = useContext(LookContext);
  const late = usePipelinePanel("late-counts");
  const rows = late.answer?.data.rows ?? [];
  const operatorsOf = (domain: string) => [
    ...Object.keys(status?.domains.find((one) => one.domain === domain)?.openWindows ?? {}),
    ...rows.filter(([of]) => of === domain).map(([, operator]) => String(operator)),
  ];
  const columns: readonly Column<readonly unknown[]>[] = [
    {
      key: "domain",
      title: "Domain",
      show: ([domain]) => <Text>{String(domain)}</Text>,
      by: ([domain]) => String(domain),
    },
    {
      key: "operator",
      title: "Left out of",
      show: ([domain, operator]) => (
        <span title={String(operator)}>
          <Text>{operatorNames(operatorsOf(String(domain))).get(String(operator)) ?? null}</Text>
        </span>
      ),
      by: ([, operator]) => String(operator),
    },
    {
      key: "records",
      title: "Records",
      numeric: true,
      show: ([, , records]) => numberText(Number(records)),
      by: ([, , records]) => Number(records),
    },
    {
      key: "most",
      title: "Latest by",
      numeric: true,
      show: ([, , , most]) => durationText(Number(most)),
      by: ([, , , most]) => Number(most),
    },
    {
      key: "last",
      title: "Newest event",
      unit: zoneText(zone),
      show: ([, , , , last]) => timeText(momentOf(String(last)), zone),
      by: ([, , , , last]) => String(last),
    },
  ];
  return (
    <Card
      title="Late records"
      note="too late for a window, in table LATE_RECORDS; they are in the raw tables all the same"
      asked={late}
      width="wide"
    >
      {!late.answer ? <Waiting /> : (
        <DataTable
          label="Late records"
          columns={columns}
          rows={rows}
          keyOf={(row) => row.slice(0, 2).join(" ")}
          empty="No late records: every one so far came in time for its windows."
        />
      )}
    </Card>
  );
}
