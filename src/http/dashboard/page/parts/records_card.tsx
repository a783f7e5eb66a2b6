// The newest records of one thing, each with where it lies in the log: its partition, and the very row by its offset.
import type { Rows } from "../../../../panels/answers.ts";
import type { QueryState } from "../asking.ts";
import type { RowColumn } from "./rows_table.tsx";
import { TableCard } from "./table_card.tsx";

export interface RecordsCardProps {
  /** Which table the records are in. */
  readonly table: string;
  readonly columns: readonly RowColumn[];
  readonly asked: QueryState<{ readonly records: Rows }>;
}

export function RecordsCard({ table, columns, asked }: RecordsCardProps) {
  const { answer } = asked;
  const rows: QueryState<Rows> = { ...asked, answer: answer && { ...answer, data: answer.data.records } };
  return (
    <TableCard
      title="Newest records"
      note={`in the time range, out of ${table}; an offset leads to its row`}
      asked={rows}
      columns={[...columns, ...placeColumns(table)]}
      keys={["KAFKA_PARTITION", "KAFKA_OFFSET"]}
      find="records"
      width="full"
    />
  );
}

function placeColumns(table: string): readonly RowColumn[] {
  return [
    { name: "KAFKA_PARTITION", title: "Partition", kind: "number", to: () => "/pipeline" },
    {
      name: "KAFKA_OFFSET",
      title: "Offset",
      kind: "number",
      to: (offset, { KAFKA_PARTITION: partition }) => {
        const where = [`KAFKA_PARTITION:is:${partition}`, `KAFKA_OFFSET:is:${offset}`];
        return `/explore?${new URLSearchParams([["table", table], ...where.map((one) => ["where", one])])}`;
      },
    },
  ];
}
