// What people note of alerts and on charts, as rows of the warehouse: who has taken an alert up, which rules are muted, what
// happened when. Must not know HTTP, nor who is told of alerts.
import type { Row, Upsert, Warehouse } from "../warehouse/warehouse.ts";
import { isoOf } from "./message.ts";
import type { SmallWrites } from "./small_writes.ts";

export interface Acknowledgement {
  readonly domain: string;
  readonly alertIds: readonly string[];
  readonly by: string;
  readonly note: string;
}

export interface Mute {
  readonly domain: string;
  /** ALERT_TYPE of the rule. */
  readonly type: string;
  readonly minutes: number;
  readonly by: string;
  readonly note: string;
}

export interface Annotation {
  /** `null` for the charts of all domains. */
  readonly domain: string | null;
  readonly kind: "deployment" | "incident" | "note";
  readonly text: string;
  readonly by: string;
  /** Epoch milliseconds. */
  readonly startsAt: number;
  /** Epoch milliseconds; `null` for a moment. */
  readonly endsAt: number | null;
}

export interface NotesOptions {
  readonly writes: Pick<SmallWrites, "write">;
  readonly warehouse: Pick<Warehouse, "query">;
  /** The wall clock, epoch milliseconds. */
  readonly now: () => number;
  /** What is muted has changed. */
  readonly onMute: () => void;
}

const MINUTE_MS = 60_000;

/** All reject with the warehouse's errors. */
export class Notes {
  readonly #options: NotesOptions;
  #version = 0;

  constructor(options: NotesOptions) {
    this.#options = options;
  }

  /** Rises with everything that is noted here. */
  get version(): number {
    return this.#version;
  }

  /** Of an alert that somebody has taken up the last one counts. */
  async acknowledge({ domain, alertIds, by, note }: Acknowledgement): Promise<void> {
    const at = this.#options.now();
    const rows = [...new Set(alertIds)].map((id): Row => (
      { DOMAIN: domain, ALERT_ID: id, ACKNOWLEDGED_BY: by, NOTE: note || null, ACKNOWLEDGED_AT: at }
    ));
    await this.#write({ table: "ALERT_ACKNOWLEDGEMENTS", keyColumns: ["DOMAIN", "ALERT_ID"], rows });
  }

  /** From now on; a rule may have several, of which the longest counts. */
  async mute({ domain, type, minutes, by, note }: Mute): Promise<void> {
    const at = this.#options.now();
    await this.#writeMutes([{
      ...{ MUTE_ID: crypto.randomUUID(), DOMAIN: domain, ALERT_TYPE: type, MUTED_BY: by, NOTE: note || null },
      ...{ MUTED_AT: at, ENDS_AT: at + minutes * MINUTE_MS },
    }]);
  }

  /** Ends all mutes of a rule now. */
  async unmute({ domain, type }: Pick<Mute, "domain" | "type">): Promise<void> {
    const now = this.#options.now();
    const { rows } = await this.#options.warehouse.query(
      `SELECT MUTE_ID, MUTED_BY, NOTE, MUTED_AT FROM ALERT_MUTES
       WHERE DOMAIN = ? AND ALERT_TYPE = ? AND ENDS_AT > CAST(? AS TIMESTAMP_NTZ)`,
      { binds: [domain, type, new Date(now).toISOString().slice(0, -1)] },
    );
    await this.#writeMutes(rows.map(([id, by, note, at]) => (
      {
        ...{ MUTE_ID: id, DOMAIN: domain, ALERT_TYPE: type, MUTED_BY: by, NOTE: note },
        ...{ MUTED_AT: Date.parse(isoOf(String(at))), ENDS_AT: now },
      }
    )));
  }

  async annotate({ domain, kind, text, by, startsAt, endsAt }: Annotation): Promise<void> {
    await this.#annotate({
      ...{ ANNOTATION_ID: crypto.randomUUID(), DOMAIN: domain, KIND: kind, TEXT: text, WRITTEN_BY: by },
      ...{ STARTS_AT: startsAt, ENDS_AT: endsAt, WRITTEN_AT: this.#options.now(), REMOVED_AT: null },
    });
  }

  /** Takes one away; its row stays, and says when. */
  async removeAnnotation(id: string): Promise<void> {
    const { rows } = await this.#options.warehouse.query(
      `SELECT DOMAIN, KIND, TEXT, WRITTEN_BY, STARTS_AT, ENDS_AT, WRITTEN_AT FROM ANNOTATIONS
       WHERE ANNOTATION_ID = ? AND REMOVED_AT IS NULL`,
      { binds: [id] },
    );
    const [row] = rows;
    if (row === undefined) return;
    const [domain, kind, text, by, startsAt, endsAt, writtenAt] = row;
    const at = (cell: unknown) => cell === null ? null : Date.parse(isoOf(String(cell)));
    await this.#annotate({
      ...{ ANNOTATION_ID: id, DOMAIN: domain, KIND: kind, TEXT: text, WRITTEN_BY: by, STARTS_AT: at(startsAt) },
      ...{ ENDS_AT: at(endsAt), WRITTEN_AT: at(writtenAt), REMOVED_AT: this.#options.now() },
    });
  }

  async #annotate(row: Row): Promise<void> {
    await this.#write({ table: "ANNOTATIONS", keyColumns: ["ANNOTATION_ID"], rows: [row] });
  }

  async #writeMutes(rows: readonly Row[]): Promise<void> {
    await this.#write({ table: "ALERT_MUTES", keyColumns: ["MUTE_ID"], rows });
    this.#options.onMute();
  }

  async #write(upsert: Upsert): Promise<void> {
    if (upsert.rows.length === 0) return;
    await this.#options.writes.write([upsert]);
    this.#version++;
  }
}
