// Reads a line that must not be seen from a terminal in raw mode, where nothing is echoed and keys come as bytes.
import { SignalReceived } from "./host.ts";

const [CTRL_C, CTRL_D, BACKSPACE, LINE_FEED, CARRIAGE_RETURN, CTRL_U, DELETE] = [3, 4, 8, 10, 13, 21, 127];

/**
 * The line that is typed, without its end. `read` gives the next bytes, `null` at the end of input. Backspace and Ctrl-U
 * work as usual; Ctrl-C rejects with `SignalReceived`.
 */
export async function readSecretLine(read: () => Promise<Uint8Array | null>): Promise<string> {
  const typed: number[] = [];
  while (true) {
    const bytes = await read();
    if (bytes === null) return textOf(typed);
    for (const byte of bytes) {
      if (byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === CTRL_D) return textOf(typed);
      if (byte === CTRL_C) throw new SignalReceived("SIGINT");
      if (byte === CTRL_U) typed.length = 0;
      else if (byte === BACKSPACE || byte === DELETE) removeLast(typed);
      else typed.push(byte);
    }
  }
}

/** Takes the last character away: in UTF-8 all bytes but its first are 10xxxxxx. */
function removeLast(typed: number[]): void {
  while (typed.length > 0 && (typed.pop()! & 0xc0) === 0x80) { /* until its first byte */ }
}

function textOf(typed: readonly number[]): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array(typed));
}
