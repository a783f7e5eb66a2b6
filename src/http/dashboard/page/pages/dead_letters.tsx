// Records that could not be used: how many for which reason, and a look at the bytes.
import type { ComponentChildren } from "preact";
import { useContext, useState } from "preact/hooks";
import { usePipelinePanel } from "../asking.ts";
import { cutText, momentOf, numberText, timeText, type Zone, zoneText } from "../format.ts";
import { LookContext } from "../look.ts";
import { Card, Waiting } from "../parts/card.tsx";
import { type Column, DataTable, Text } from "../parts/data_table.tsx";
import { TimelineCard } from "../parts/timeline_card.tsx";
import { DeadLetterDialog } from "./dead_letter_dialog.tsx";

export interface DeadLetter {
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

/** A kind of dead letters. */
interface DeadLetterKind {
  readonly domain: string;
  readonly stage: string;
  readonly reason: string;
}

function countColumns(zone: Zone, choose: (kind: DeadLetterKind) => void): readonly Column<readonly unknown[]>[] {
  return [
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
          onClick={() => choose({ domain: String(domain), stage: String(stage), reason: String(reason) })}
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
}

function letterColumns(zone: Zone, open: (letter: DeadLetter) => void): readonly Column<DeadLetter>[] {
  return [
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
        <button type="button" class="link mono fill" onClick={() => open(letter)}>
          <bdi>{letter.value === null ? "no value" : letter.value === "" ? "empty" : cutText(letter.value, 400)}</bdi>
        </button>
      ),
    },
  ];
}

interface DeadLetterCardsProps {
  /** A card in their middle. */
  readonly between: ComponentChildren;
  /** Whether who looks may send them again. */
  readonly mayRepublish: boolean;
}

export function DeadLetterCards({ between, mayRepublish }: DeadLetterCardsProps) {
  const { zone } = useContext(LookContext);
  const [chosen, setChosen] = useState<DeadLetterKind>();
  const [open, setOpen] = useState<DeadLetter>();
  const counts = usePipelinePanel("dead-letter-counts");
  const filter = new URLSearchParams(chosen && { ...chosen });
  const letters = usePipelinePanel("dead-letters", filter);
  const times = usePipelinePanel("dead-letter-times", filter);
  const { data } = times.answer ?? {};
  return (
    <>
      <Card title="Dead letters by reason" note="records that could not be used, in table DEAD_LETTERS" asked={counts}>
        {!counts.answer ? <Waiting /> : (
          <DataTable
            label="Dead letters by reason"
            columns={countColumns(zone, setChosen)}
            rows={counts.answer.data.rows}
            keyOf={(row) => row.slice(0, 3).join(" ")}
            empty="No dead letters: every record so far could be used."
            tall
          />
        )}
      </Card>
      {data && (
        <TimelineCard
          title="Dead letters over time"
          note="by reason, over the day before the newest one"
          unit="records"
          others="other reasons"
          bars
          asked={{ ...times, answer: { ...times.answer!, data } }}
        />
      )}
      {between}
      <Card
        title="Newest dead letters"
        note={chosen
          ? `${chosen.domain}, ${chosen.stage}: ${chosen.reason}`
          : "of all domains and reasons; open a record to see its bytes"}
        tools={chosen && <button type="button" class="quiet" onClick={() => setChosen(undefined)}>All reasons</button>}
        asked={letters}
        width="full"
      >
        {!letters.answer ? <Waiting /> : (
          <DataTable
            label="Newest dead letters"
            columns={letterColumns(zone, setOpen)}
            rows={letters.answer.data.rows.map(toDeadLetter)}
            keyOf={({ topic, partition, offset }) => `${topic} ${partition} ${offset}`}
            empty="No dead letters: every record so far could be used."
            tall
          />
        )}
      </Card>
      {open && <DeadLetterDialog letter={open} mayRepublish={mayRepublish} onClose={() => setOpen(undefined)} />}
    </>
  );
}
