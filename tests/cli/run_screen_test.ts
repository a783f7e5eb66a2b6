import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import stringWidth from "string-width";
import { cut, LiveBlock } from "../../src/cli/live_block.ts";
import type { Made } from "../../src/cli/demo.ts";
import { RunScreen } from "../../src/cli/run_screen.ts";
import type { DomainStatus } from "../../src/engine/status.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { domainStatus } from "../support/status.ts";

const NOW = Date.parse("2026-11-19T10:00:00Z");

/** What a terminal of so many columns shows of what was written to it. */
class Shown {
  readonly isTerminal = true;
  readonly lines = [""];
  #row = 0;
  constructor(readonly columns: number) {}

  write(text: string): void {
    // deno-lint-ignore no-control-regex
    for (const [piece] of text.matchAll(/\x1b\[\??(\d*)([A-Za-z])|\n|\r|[^\x1b\n\r]+/g)) {
      if (piece === "\n") this.lines[++this.#row] ??= "";
      else if (piece.endsWith("A") && piece.startsWith("\x1b")) this.#row -= Number(/\d+/.exec(piece)![0]);
      else if (piece === "\x1b[J") this.lines.splice(this.#row, Infinity, "");
      else if (!piece.startsWith("\x1b") && piece !== "\r") {
        this.lines[this.#row] += piece;
        assert(stringWidth(this.lines[this.#row]!) <= this.columns, "a line goes on in the next");
      }
    }
  }
}

Deno.test("lines below are drawn again in place, and what is written goes above them", () => {
  const shown = new Shown(20);
  using block = new LiveBlock(shown);
  block.above("log 1\n");
  block.draw(["one", "two"]);
  block.above("log 2\n");
  block.draw(["a line that is much longer than the terminal is wide"]);
  block.above("log 3\n");
  assertEquals(shown.lines, ["log 1", "log 2", "log 3", "a line that is muc…", ""]);
});

Deno.test("a cut text fits, also where characters are wide, and colors end in it", () => {
  assertEquals(cut("short", 10), "short");
  assertEquals(cut("漢字漢字", 5), "漢字…");
  assertEquals(cut("\x1b[33mstands still\x1b[0m", 7), "\x1b[33mstands…\x1b[0m");
});

const status = (domain: string, changes: Partial<DomainStatus> = {}) =>
  domainStatus({ domain, topic: `${domain}_topic`, lastCheckpointAt: NOW - 2_000, ...changes });

function screen(made?: () => Made) {
  const clock = new ManualClock(NOW);
  return { clock, screen: new RunScreen({ clock, dashboard: "http://127.0.0.1:8501", made, colors: false }) };
}

for (const width of [40, 80, 120]) {
  Deno.test(`the table fits a terminal of ${width} columns`, () => {
    const { screen: table } = screen(() => ({ records: 10, share: 0.5 }));
    const failed = status("circadian", {
      phase: "failed",
      lastError: "the warehouse has no such table, as far as it says",
    });
    const out = new Shown(width);
    using block = new LiveBlock(out);
    block.draw(table.lines([status("trains"), failed], width));
    assertStringIncludes(out.lines.join("\n"), "trains");
    assertStringIncludes(out.lines.join("\n"), "Making");
  });
}

Deno.test("a row says rate, lag, watermark, dead letters, the last checkpoint and the page", async () => {
  const { clock, screen: table } = screen();
  const at = (records: number) => {
    const trains = status("trains");
    return table.lines([{ ...trains, totals: { ...trains.totals, records, deadLetters: 1_234 } }], 120).join("\n");
  };
  at(0);
  await clock.advance(2_000);
  const text = at(2_500);
  for (const part of ["1,250/s", "1,234", "4 s ago", "http://127.0.0.1:8501/trains"]) assertStringIncludes(text, part);
});

Deno.test("the bar goes when all that was made is loaded", () => {
  let made: Made = { records: 500, share: 0.5 };
  const { screen: table } = screen(() => made);
  const at = (records: number) => {
    const trains = status("trains");
    return table.lines([{ ...trains, totals: { ...trains.totals, records } }], 100).join("\n");
  };
  assertStringIncludes(at(0), "Making the time up to now   ██");
  assertStringIncludes(at(0), " 50%  500 records");
  made = { records: 1_000, share: 1 };
  assertStringIncludes(at(250), " 25%  250 records");
  assert(!at(1_000).includes("Loading"));
  assert(!at(10).includes("Loading"), "it does not come back");
});
