import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { loggerFor, type LoggingOptions, redactor, setUpLogging } from "../src/logging.ts";

function lines(options: Partial<LoggingOptions>, log: () => void): string[] {
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  setUpLogging({ level: "info", format: "text", colors: false, secrets: [], write, ...options });
  log();
  return written;
}

Deno.test("a text line has time, level, part, message and what the message does not say", () => {
  const [line] = lines(
    {},
    () => loggerFor("trains").info("{records} records", { records: 12345, lag: 7, note: "a b" }),
  );
  assertMatch(line!, /^\d\d:\d\d:\d\d\.\d{3} INFO {2}trains {4}12,345 records {2}lag=7 note="a b"\n$/);
});

Deno.test("a JSON line is one object with every property", () => {
  const [line] = lines({ format: "json" }, () => loggerFor("trains").warn("{records} records", { records: 12345 }));
  const { time, ...rest } = JSON.parse(line!);
  assert(!Number.isNaN(Date.parse(time)));
  assertEquals(rest, { level: "warning", part: "trains", message: "12345 records", records: 12345 });
});

Deno.test("messages below the level are not written", () => {
  assertEquals(lines({ level: "error" }, () => loggerFor("x").warn("no")), []);
});

for (const format of ["text", "json"] as const) {
  Deno.test(`secrets are redacted in ${format}, by value and by name`, () => {
    const [line] = lines({ format, secrets: [`pa"zz`] }, () => {
      loggerFor("kafka").error(`refused pa"zz`, { error: new Error(`bad pa"zz`), apiToken: "abc", nested: [`pa"zz`] });
    });
    assert(!line!.includes("zz"), line);
    assert(!line!.includes("abc"), line);
    assertStringIncludes(line!, "[redacted]");
  });
}

Deno.test("an error is its message, and its stack when debugging", () => {
  const log = () => loggerFor("x").error("failed", { error: new Error("why") });
  assertStringIncludes(lines({}, log)[0]!, "error=why");
  assertStringIncludes(lines({ level: "debug" }, log)[0]!, "logging_test.ts");
});

Deno.test("control characters of data cannot move the cursor", () => {
  const [line] = lines({}, () => loggerFor("x").info("seen", { key: "a\x1b[2Jb" }));
  assert(!line!.includes("\x1b"), line);
});

Deno.test("the longest secret is taken out first", () => {
  assertEquals(redactor(["abc", "abcdef"])("xabcdefx abc"), "x[redacted]x [redacted]");
});
