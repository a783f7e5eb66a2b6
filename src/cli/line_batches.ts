// Splits a stream of bytes into lines, in batches of bounded size, without turning them into text.
// Must not know what a line says.

import { Buffer } from "node:buffer";

export interface LineBatchOptions {
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** A longer line is an error: memory must stay bounded. */
  readonly maxLineBytes: number;
  /** Lines that are here wait at most this long for more, in milliseconds. */
  readonly lingerMs: number;
}

/** Lines without their `\n`, and how many bytes of the source they and all before took. */
export interface LineBatch {
  readonly lines: readonly Uint8Array[];
  readonly bytesRead: number;
}

const NEWLINE = 10;

/**
 * Batches of lines. The last line needs no `\n`; an empty line is an empty line. Throws `RangeError` for a line that is
 * longer than allowed. Closes the source when it is closed.
 */
export async function* lineBatches(
  source: AsyncIterable<Uint8Array>,
  { maxRecords, maxBytes, maxLineBytes, lingerMs }: LineBatchOptions,
): AsyncGenerator<LineBatch, void, undefined> {
  const chunks = source[Symbol.asyncIterator]();
  let lines: Uint8Array[] = [];
  let bytes = 0;
  let bytesRead = 0;
  let lineNumber = 0;
  let tail: Uint8Array[] = [];
  let tailBytes = 0;
  const take = (): LineBatch => {
    const batch = { lines, bytesRead };
    lines = [];
    bytes = 0;
    return batch;
  };
  try {
    while (true) {
      const pending = chunks.next();
      if (lines.length > 0 && !await within(pending, lingerMs)) yield take();
      const { done, value: chunk } = await pending;
      if (done) break;
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        const piece = chunk.subarray(start, end);
        const line = tailBytes === 0 ? piece : Buffer.concat([...tail, piece], tailBytes + piece.length);
        if (line.length > maxLineBytes) throw tooLong(lineNumber, maxLineBytes);
        lines.push(line);
        lineNumber++;
        bytes += line.length;
        bytesRead += end - start + 1;
        start = end + 1;
        tail = [];
        tailBytes = 0;
        if (lines.length >= maxRecords || bytes >= maxBytes) yield take();
      }
      if (start === chunk.length) continue;
      // A copy, so that a short tail does not keep a whole chunk.
      tail.push(chunk.slice(start));
      tailBytes += chunk.length - start;
      bytesRead += chunk.length - start;
      if (tailBytes > maxLineBytes) throw tooLong(lineNumber, maxLineBytes);
    }
    if (tailBytes > 0) lines.push(Buffer.concat(tail, tailBytes));
    if (lines.length > 0) yield take();
  } finally {
    await chunks.return?.();
  }
}

/** Whether the promise settles within `ms`. */
async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => timer = setTimeout(() => resolve(false), ms));
  const settled = promise.then(() => true, () => true);
  const answer = await Promise.race([settled, late]);
  clearTimeout(timer);
  return answer;
}

function tooLong(lineIndex: number, maxLineBytes: number): RangeError {
  return new RangeError(`Line ${lineIndex + 1} is longer than ${maxLineBytes} bytes`);
}
