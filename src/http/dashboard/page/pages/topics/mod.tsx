// A look into the topics: records with their partitions, offsets and keys, what their values say and their very bytes, and
// those that come.
import { useContext, useState } from "preact/hooks";
import type { RecordText, TopicAbout } from "../../../protocol.ts";
import { setParams, useAddress } from "../../address.ts";
import { useAnswer } from "../../asking.ts";
import { countText, cutText, numberText, timeText, type Zone, zoneText } from "../../format.ts";
import { LookContext, useSeen } from "../../look.ts";
import { Card, Empty, Waiting } from "../../parts/card.tsx";
import { type Column, DataTable, Text } from "../../parts/data_table.tsx";
import { RecordDialog } from "./record_dialog.tsx";
import { type Look, useRecords } from "./records.ts";

export function TopicCard() {
  const { params } = useAddress();
  const { zone } = useContext(LookContext);
  const seen = useSeen();
  const asked = useAnswer<readonly TopicAbout[]>("/api/topics");
  const [again, setAgain] = useState(0);
  const [open, setOpen] = useState<RecordText>();
  const look = lookOf(params);
  const looked = useRecords(look, { seen, again });
  const about = asked.answer?.data.find(({ topic }) => topic === look?.topic);
  return (
    <Card
      title="Topic"
      note={about
        ? <>{countText(sizeOf(about), "records")} in {countText(about.partitions.length, "partitions")}</>
        : "what is in the log: choose a topic to look into it"}
      tools={look && (
        <>
          <button type="button" onClick={() => setAgain(again + 1)}>Look again</button>
          <button
            type="button"
            aria-pressed={look.follow}
            onClick={() => setParams({ follow: look.follow ? undefined : "1" })}
          >
            Follow
          </button>
        </>
      )}
      asked={asked}
      isSought={look !== undefined}
      width="full"
    >
      <Choices topics={asked.answer?.data ?? []} look={look} partitions={about?.partitions.length ?? 0} />
      {look === undefined ? null : looked.error ? <p class="problem" role="alert">{looked.error}</p> : (
        <>
          {looked.state === "asking" && looked.records.length === 0 ? <Waiting /> : (
            <DataTable
              label={`Records of ${look.topic}`}
              columns={columnsFor(zone, setOpen)}
              rows={looked.records.toReversed()}
              keyOf={({ partition, offset }) => `${partition} ${offset}`}
              empty={look.follow ? "Nothing comes." : "No records: none with this key, or none so far."}
              tall
            />
          )}
          <p class="note" role="status">{stateText(looked.state, looked.records.length, looked.leftOut)}</p>
        </>
      )}
      {asked.answer?.data.length === 0 && <Empty>The log has no topic of the domains that run here.</Empty>}
      {open && look && <RecordDialog topic={look.topic} record={open} onClose={() => setOpen(undefined)} />}
    </Card>
  );
}

function lookOf(params: URLSearchParams): Look | undefined {
  const topic = params.get("topic");
  if (topic === null) return undefined;
  const whole = (name: string) => /^\d{1,15}$/.test(params.get(name) ?? "") ? params.get(name)! : "";
  return {
    topic,
    partition: whole("partition"),
    from: whole("offset"),
    key: params.get("key") ?? "",
    follow: params.get("follow") === "1",
  };
}

function sizeOf({ partitions }: TopicAbout): number {
  return partitions.reduce((sum, { low, high }) => sum + high - low, 0);
}

function stateText(state: string, count: number, leftOut: number): string {
  const shown = `${countText(count, "records")}, the newest first`;
  const left = leftOut === 0 ? "" : `; ${countText(leftOut, "records")} came too fast to be shown`;
  return `${state === "following" ? "Following: " : ""}${shown}${left}`;
}

interface ChoicesProps {
  readonly topics: readonly TopicAbout[];
  readonly look: Look | undefined;
  readonly partitions: number;
}

function Choices({ topics, look, partitions }: ChoicesProps) {
  const none = { partition: undefined, offset: undefined, key: undefined, follow: undefined };
  return (
    <div class="filters" role="group" aria-label="What of the topics">
      <label class="field">
        <span>Topic</span>
        <select
          value={look?.topic ?? ""}
          onChange={({ currentTarget: { value } }) => setParams({ ...none, topic: value })}
        >
          <option value="">none</option>
          {[...Map.groupBy(topics, ({ domain }) => domain)].map(([domain, of]) => (
            <optgroup key={domain} label={domain}>
              {of.map(({ topic }) => <option key={topic} value={topic}>{topic}</option>)}
            </optgroup>
          ))}
        </select>
      </label>
      {look && (
        <>
          <label class="field">
            <span>Partition</span>
            <select
              value={look.partition}
              onChange={(event) => setParams({ partition: event.currentTarget.value })}
            >
              <option value="">all</option>
              {Array.from({ length: partitions }, (_, i) => <option key={i} value={String(i)}>{i}</option>)}
            </select>
          </label>
          <label class="field">
            <span>From offset</span>
            <input
              type="number"
              min={0}
              placeholder="the newest"
              value={look.from}
              onInput={(event) => setParams({ offset: event.currentTarget.value })}
            />
          </label>
          <label class="field">
            <span>Key</span>
            <input
              type="text"
              placeholder="any"
              value={look.key}
              onInput={(event) => setParams({ key: event.currentTarget.value })}
            />
          </label>
        </>
      )}
    </div>
  );
}

function columnsFor(zone: Zone, open: (record: RecordText) => void): readonly Column<RecordText>[] {
  return [
    { key: "time", title: "Time", unit: zoneText(zone), show: ({ timestamp }) => timeText(timestamp, zone) },
    { key: "partition", title: "Partition", numeric: true, show: ({ partition }) => partition },
    { key: "offset", title: "Offset", numeric: true, show: ({ offset }) => numberText(offset) },
    {
      key: "key",
      title: "Key",
      show: ({ key }) => (
        <span class="clip">
          <Text>{key === null ? null : cutText(key, 60)}</Text>
        </span>
      ),
    },
    { key: "bytes", title: "Length", unit: "bytes", numeric: true, show: ({ length }) => numberText(length) },
    {
      key: "value",
      title: "Value",
      show: (record) => (
        <button type="button" class="link mono fill" onClick={() => open(record)}>
          <bdi>{record.raw === null ? "no value" : cutText(record.decoded ?? record.raw, 400) || "empty"}</bdi>
        </button>
      ),
    },
  ];
}
