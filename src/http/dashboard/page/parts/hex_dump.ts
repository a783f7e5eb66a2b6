// Bytes as people read them: offset, sixteen at a time, and what of them can be printed.

/** The bytes of a text, or those that base64 stands for; a cut may have left its last group incomplete. */
export function bytesOf(text: string, encoding: string | null): Uint8Array {
  if (encoding !== "base64") return new TextEncoder().encode(text);
  return Uint8Array.from(atob(text.slice(0, text.length - text.length % 4)), (char) => char.charCodeAt(0));
}

export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ").padEnd(47);
    const text = row.map((byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·").join("");
    lines.push(`${at.toString(16).padStart(4, "0")}  ${hex}  ${text}`);
  }
  return lines.join("\n");
}
