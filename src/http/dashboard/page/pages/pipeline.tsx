// The pipelines themselves: how far each partition is, how fast, and what could not be used.
import { useContext, useRef, useState } from "preact/hooks";
import type { DomainStatus } from "../../../../engine/status.ts";
import type { LiveStatus, Rows } from "../../protocol.ts";
import { useAnswer } from "../asking.ts";
import {
  agoText,
  clockText,
  cutText,
  durationText,
  momentOf,
  numberText,
  timeText,
  wordsOf,
  zoneText,
} from "../format.ts";
import type { LiveNews } from "../live_stream.ts";
import { LookContext } from "../look.ts";
import { Card, Waiting } from "../parts/card.tsx";
import { type Column, DataTable, Text } from "../parts/data_table.tsx";
import { Dialog } from "../parts/dialog.tsx";

/** Over how long records per second are counted, milliseconds. */
const RATE_MS = 10_000;

export function PipelinePage({ live }: { readonly live: LiveNews }) {
  const status = live.news.status as LiveStatus | undefined;
  const rates = useRates(status);
  return (
    <>
      {!status
        ? <Waiting />
        : status.domains.map((domain) => (
          <DomainCard key={domain.domain} domain={domain} now={status.now} rates={rates} />
        ))}
      <div class="grid">
        <DeadLetterCards />
        <LateCard />
      </div>
    </>
  );
}

/** Offsets committed a second, by `domain partition`, over the last seconds; of a domain by its name alone. */
type Rates = ReadonlyMap<string, number>;

function useRates(status: LiveStatus | undefined): Rates {
  const seen = useRef<LiveStatus[]>([]);
  if (status && seen.current.at(-1) !== status) {
    seen.current = [...seen.current.filter(({ now }) => now >= status.now - RATE_MS), status];
  }
  const first = seen.current[0];
  const rates = new Map<string, number>();
  if (!status || !first || first.now === status.now) return rates;
  const seconds = (status.now - first.now) / 1000;
  for (const { domain, partitions, totals } of status.domains) {
    const before = first.domains.find((other) => other.domain === domain);
    if (before) rates.set(domain, Math.max(0, totals.records - before.totals.records) / seconds);
    for (const { partition, nextOffset } of partitions) {
      const then = before?.partitions.find((other) => other.partition === partition);
      if (then) rates.set(`${domain} ${partition}`, Math.max(0, nextOffset - then.nextOffset) / seconds);
    }
  }
  return rates;
}

const PHASES: Readonly<Record<DomainStatus["phase"], readonly [mark: string, tone: string]>> = {
  starting: ["◷", ""],
  waiting: ["◷", ""],
  running: ["✓", "tag-ok"],
  restarting: ["▲", "tag-warn"],
  draining: ["◷", ""],
  stopped: ["■", ""],
  failed: ["▲", "tag-bad"],
};

type Partition = DomainStatus["partitions"][number];

interface DomainCardProps {
  readonly domain: DomainStatus;
  readonly now: number;
  readonly rates: Rates;
}

function DomainCard({ domain: status, now, rates }: DomainCardProps) {
  const { zone } = useContext(LookContext);
  const { domain, topic, phase, totals, partitions, openWindows, lastError, lastCheckpointAt } = status;
  const [mark, tone] = PHASES[phase];
  const columns: readonly Column<Partition>[] = [
    { key: "partition", title: "Partition", show: ({ partition }) => partition, by: ({ partition }) => partition },
    {
      key: "rate",
      title: "Rate",
      unit: "records/s",
      numeric: true,
      show: ({ partition }) => numberText(rates.get(`${domain} ${partition}`)),
    },
    {
      key: "lag",
      title: "Lag",
      unit: "records",
      numeric: true,
      show: (partition) => numberText(lagOf(partition)),
      by: lagOf,
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
      show: ({ watermark }) => watermark === null ? "none yet" : <time>{timeText(watermark, zone)}</time>,
      by: ({ watermark }) => watermark,
    },
    {
      key: "behind",
      title: "Behind the clock",
      numeric: true,
      show: ({ watermark }) => watermark === null ? "–" : durationText(now - watermark),
      by: ({ watermark }) => watermark === null ? null : now - watermark,
    },
  ];
  const open = Object.entries(openWindows);
  return (
    <Card
      title={wordsOf(domain)}
      note={
        <>
          topic <bdi>{topic}</bdi> ·{" "}
          <span class={`tag ${tone}`}>
            <span aria-hidden="true">{mark}</span> {phase}
          </span>
        </>
      }
    >
      {lastError !== null && (
        <p class="problem" role="alert">
          <bdi>{cutText(lastError, 2_000)}</bdi>
        </p>
      )}
      <dl class="facts">
        <Fact name="Rate" value={numberText(rates.get(domain), "records/s")} />
        <Fact
          name="Lag"
          value={numberText(partitions.reduce((sum, partition) => sum + (lagOf(partition) ?? 0), 0), "records")}
        />
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
        columns={columns}
        rows={partitions}
        keyOf={({ partition }) => String(partition)}
        empty="No partition is assigned to this process: another one of the group has them all."
      />
      <p class="note">
        Open windows and sessions:{" "}
        {open.length === 0 ? "none" : open.map(([operator, count], i) => (
          <span key={operator}>
            {i > 0 && ", "}
            <bdi>{operator}</bdi> <strong>{numberText(count)}</strong>
          </span>
        ))}. Totals count since the process started.
      </p>
    </Card>
  );
}

function lagOf({ nextOffset, highOffset }: Partition): number | null {
  return highOffset === null ? null : Math.max(0, highOffset - nextOffset);
}

function Fact({ name, value, bad }: { readonly name: string; readonly value: string; readonly bad?: boolean }) {
  return (
    <div class={bad ? "fact-bad" : ""}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

interface DeadLetter {
  readonly seen: number;
  readonly domain: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly stage: string;
  readonly reason: string;
  readonly detail: string | null;
  readonly key: string | null;
  readonly encoding: string | null;
  readonly length: number;
  readonly value: string | null;
}

function toDeadLetter(
  [seen, domain, topic, partition, offset, stage, reason, detail, key, encoding, length, value]: readonly unknown[],
): DeadLetter {
  const text = (cell: unknown) => cell === null ? null : String(cell);
  return {
    seen: momentOf(String(seen)),
    domain: String(domain),
    topic: String(topic),
    partition: Number(partition),
    offset: Number(offset),
    stage: String(stage),
    reason: String(reason),
    detail: text(detail),
    key: text(key),
    encoding: text(encoding),
    length: Number(length ?? 0),
    value: text(value),
  };
}

function DeadLetterCards() {
  const { zone } = useContext(LookContext);
  const [chosen, setChosen] = useState<{ readonly domain: string; readonly stage: string; readonly reason: string }>();
  const [open, setOpen] = useState<DeadLetter>();
  const counts = useAnswer<Rows>("/api/panels/pipeline/dead-letter-counts");
  const letters = useAnswer<Rows>("/api/panels/pipeline/dead-letters", new URLSearchParams(chosen));
  const countColumns: readonly Column<readonly unknown[]>[] = [
    {
      key: "domain",
      title: "Domain",
      show: ([domain]) => <Text>{String(domain)}</Text>,
      by: ([domain]) => String(domain),
    },
    {
      key: "stage",
      title: "Stage",
      show: ([, stage]) => <Text>{String(stage)}</Text>,
      by: ([, stage]) => String(stage),
    },
    {
      key: "reason",
      title: "Reason",
      show: ([domain, stage, reason]) => (
        <button
          type="button"
          class="link"
          onClick={() => setChosen({ domain: String(domain), stage: String(stage), reason: String(reason) })}
        >
          <bdi>{String(reason)}</bdi>
        </button>
      ),
      by: ([, , reason]) => String(reason),
    },
    {
      key: "records",
      title: "Records",
      numeric: true,
      show: ([, , , records]) => numberText(Number(records)),
      by: ([, , , records]) => Number(records),
    },
    {
      key: "last",
      title: "Last seen",
      unit: zoneText(zone),
      show: ([, , , , last]) => timeText(momentOf(String(last)), zone),
      by: ([, , , , last]) => String(last),
    },
  ];
  const letterColumns: readonly Column<DeadLetter>[] = [
    {
      key: "seen",
      title: "Seen",
      unit: zoneText(zone),
      show: ({ seen }) => timeText(seen, zone),
      by: ({ seen }) => seen,
    },
    {
      key: "where",
      title: "Topic, partition, offset",
      show: ({ topic, partition, offset }) => <bdi>{topic} {partition} {offset}</bdi>,
    },
    {
      key: "reason",
      title: "Reason",
      show: ({ stage, reason }) => <Text>{`${stage}: ${reason}`}</Text>,
      by: ({ stage, reason }) => `${stage} ${reason}`,
    },
    {
      key: "detail",
      title: "Detail",
      show: ({ detail }) => (
        <span class="clip">
          <Text>{detail === null ? null : cutText(detail, 120)}</Text>
        </span>
      ),
    },
    {
      key: "bytes",
      title: "Record",
      show: (letter) => (
        <button type="button" class="link mono" onClick={() => setOpen(letter)}>
          <bdi>{letter.value === null ? "no value" : letter.value === "" ? "empty" : cutText(letter.value, 40)}</bdi>
        </button>
      ),
    },
  ];
  return (
    <>
      <Card title="Dead letters by reason" note="records that could not be used, in table DEAD_LETTERS" asked={counts}>
        {!counts.answer ? <Waiting /> : (
          <DataTable
            label="Dead letters by reason"
            columns={countColumns}
            rows={counts.answer.data.rows}
            keyOf={(row) => row.slice(0, 3).join(" ")}
            empty="No dead letters: every record so far could be used."
          />
        )}
      </Card>
      <Card
        title="Newest dead letters"
        note={chosen
          ? `${chosen.domain}, ${chosen.stage}: ${chosen.reason}`
          : "of all domains and reasons; open a record to see its bytes"}
        tools={chosen && <button type="button" class="quiet" onClick={() => setChosen(undefined)}>All reasons</button>}
        asked={letters}
        width="wide"
      >
        {!letters.answer ? <Waiting /> : (
          <DataTable
            label="Newest dead letters"
            columns={letterColumns}
            rows={letters.answer.data.rows.map(toDeadLetter)}
            keyOf={({ topic, partition, offset }) => `${topic} ${partition} ${offset}`}
            empty="No dead letters: every record so far could be used."
            tall
          />
        )}
      </Card>
      {open && <DeadLetterDialog letter={open} onClose={() => setOpen(undefined)} />}
    </>
  );
}

function DeadLetterDialog({ letter, onClose }: { readonly letter: DeadLetter; readonly onClose: () => void }) {
  const { stage, reason, detail, topic, partition, offset, key, value, encoding, length } = letter;
  const bytes = bytesOf(letter);
  return (
    <Dialog title={`Dead letter: ${cutText(topic, 60)} ${partition} ${offset}`} onClose={onClose}>
      <dl class="facts">
        <Fact name="Stage and reason" value={`${stage}: ${reason}`} />
        <Fact name="Key" value={key === null ? "none" : cutText(key, 200)} />
        <Fact
          name="Length"
          value={value === null
            ? "no value (tombstone)"
            : numberText(length, encoding === "base64" ? "characters of base64" : "characters")}
        />
      </dl>
      {detail !== null && (
        <p class="wrap">
          <bdi>{detail}</bdi>
        </p>
      )}
      {bytes.length > 0 && <pre tabIndex={0} aria-label="Bytes of the record">{hexDump(bytes.subarray(0, 512))}</pre>}
      {value !== null && encoding !== "base64" && (
        <pre class="wrap" tabIndex={0} aria-label="Text of the record">{value}</pre>
      )}
      {value !== null && length > value.length && (
        <p class="note">
          Cut at {numberText(value.length)} characters. The whole record is in DEAD_LETTERS and in the topic{" "}
          {topic}.dlq.
        </p>
      )}
    </Dialog>
  );
}

function bytesOf({ value, encoding }: DeadLetter): Uint8Array {
  if (value === null) return new Uint8Array();
  if (encoding !== "base64") return new TextEncoder().encode(value);
  // A cut may have left the last group of four characters incomplete.
  const whole = value.slice(0, value.length - value.length % 4);
  return Uint8Array.from(atob(whole), (char) => char.charCodeAt(0));
}

/** Offset, sixteen bytes, and what of them can be printed. */
function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ").padEnd(47);
    const text = row.map((byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·").join("");
    lines.push(`${at.toString(16).padStart(4, "0")}  ${hex}  ${text}`);
  }
  return lines.join("\n");
}

function LateCard() {
  const { zone } = useContext(LookContext);
  const late = useAnswer<Rows>("/api/panels/pipeline/late-counts");
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
      show: ([, operator]) => <Text>{String(operator)}</Text>,
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
      show: ([, , , , last]) => clockText(momentOf(String(last)), zone),
      by: ([, , , , last]) => String(last),
    },
  ];
  return (
    <Card
      title="Late records"
      note="too late for a window, in table LATE_RECORDS; they are in the raw tables all the same"
      asked={late}
    >
      {!late.answer ? <Waiting /> : (
        <DataTable
          label="Late records"
          columns={columns}
          rows={late.answer.data.rows}
          keyOf={(row) => row.slice(0, 2).join(" ")}
          empty="No late records: every one so far came in time for its windows."
        />
      )}
    </Card>
  );
}
