// Results in parts, as Snowflake gives large ones: the first rows are in the answer, the others at addresses of their own
// (in the cloud's storage), from where the driver fetches them when their turn comes.

/** A statement's answer, as far as it is needed. */
interface Answer {
  readonly data?: { readonly queryId?: string; rowset?: unknown[]; chunks?: unknown[] } | null;
}

export class Chunks {
  /** Rows of a part. */
  rows = Infinity;
  readonly #parts = new Map<string, string>();

  /** The answer with its first rows only, where it has more than fit into a part. `origin`: where parts are asked for. */
  split(body: string, origin: string): string {
    if (this.rows === Infinity) return body;
    const answer = JSON.parse(body) as Answer;
    const { data } = answer;
    if (!data?.rowset || data.rowset.length <= this.rows) return body;
    const { rowset } = data;
    data.rowset = rowset.slice(0, this.rows);
    data.chunks = [];
    for (let from = this.rows, number = 1; from < rowset.length; from += this.rows, number++) {
      const rows = rowset.slice(from, from + this.rows);
      // Without the brackets around all.
      const part = JSON.stringify(rows).slice(1, -1);
      const path = `/chunks/${data.queryId}/${number}`;
      this.#parts.set(path, part);
      data.chunks.push({ url: origin + path, rowCount: rows.length, uncompressedSize: part.length });
    }
    return JSON.stringify(answer);
  }

  /** The part at a path, if there is one. */
  part(path: string): string | undefined {
    return this.#parts.get(path);
  }
}
