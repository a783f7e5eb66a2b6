// A card that is a table of an answer, with a field to find rows where that helps.
import { useState } from "preact/hooks";
import type { Rows } from "../../../../panels/answers.ts";
import type { QueryState } from "../asking.ts";
import { Card, Waiting } from "./card.tsx";
import type { Sort } from "./data_table.tsx";
import { type RowColumn, RowsTable } from "./rows_table.tsx";
import { NO_RECORDS_IN_RANGE } from "./timeline_card.tsx";

export interface TableCardProps {
  readonly title: string;
  readonly note: string;
  readonly asked: QueryState<Rows>;
  readonly columns: readonly RowColumn[];
  /** Columns that tell the rows apart. */
  readonly keys: readonly string[];
  readonly sort?: Sort;
  /** What may be found; no field without it. */
  readonly find?: string;
  readonly empty?: string;
  readonly width?: "wide" | "full";
}

export function TableCard({ title, note, asked, columns, keys, sort, find, empty, width }: TableCardProps) {
  const [wanted, setWanted] = useState("");
  const data = asked.answer?.data;
  return (
    <Card
      title={title}
      note={data?.truncated ? `${note} · the first ${data.rows.length} rows` : note}
      tools={find && (
        <input
          type="search"
          aria-label={`Find ${find}`}
          placeholder={`Find ${find}`}
          value={wanted}
          onInput={(event) => setWanted(event.currentTarget.value)}
        />
      )}
      asked={asked}
      width={width}
    >
      {!data ? <Waiting height={260} /> : (
        <RowsTable
          label={title}
          rows={data}
          columns={columns}
          keys={keys}
          sort={sort}
          find={wanted}
          empty={empty ?? NO_RECORDS_IN_RANGE}
          tall
        />
      )}
    </Card>
  );
}
