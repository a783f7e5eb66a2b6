import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
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
  assertEquals(redactor(["abc-", "abc-def"])("x abc-def x abc-"), "x [redacted] x [redacted]");
});

const LONG = "0123456789abcdef";

const REDACTIONS: readonly (readonly [secrets: readonly string[], text: string, redacted: string])[] = [
  [["on"], "a connection went on, on_time, 2on, on", "a connection went [redacted], on_time, 2on, [redacted]"],
  [["pass"], "//me:pass@host?pass=1 password bypass", "//me:[redacted]@host?[redacted]=1 password bypass"],
  [["p.ss"], "p.ss pass", "[redacted] pass"],
  [["@x"], "a@x b@xy", "a[redacted] b@xy"],
  [["pä"], "pä, päris, apä", "[redacted], päris, apä"],
  [["s3cret"], "user%3As3cret%40host", "user%3A[redacted]%40host"],
  [[`q"uote`], `{"a":"q\\"uote","b":1}`, `{"a":"[redacted]","b":1}`],
  [["s3cret"], String.raw`"line\ns3cret"`, String.raw`"line\n[redacted]"`],
  [[LONG], `x${LONG}x`, "x[redacted]x"],
  [[""], "nothing", "nothing"],
];

for (const [secrets, text, expected] of REDACTIONS) {
  Deno.test(`of ${JSON.stringify(text)} without ${JSON.stringify(secrets)} is left ${JSON.stringify(expected)}`, () => {
    assertEquals(redactor(secrets)(text), expected);
  });
}

Deno.test("a JSON line stays JSON, whatever a secret is", () => {
  fc.assert(fc.property(fc.string({ minLength: 1 }), fc.string(), (secret, text) => {
    const [line] = lines({ format: "json", secrets: [secret, "level", "12", ":", "true", "}"] }, () => {
      loggerFor("x").info("{text} and more", {
        text: `${text} ${secret}`,
        number: 12,
        map: new Map([[secret, [text]]]),
      });
    });
    const { level, number } = JSON.parse(line!);
    assertEquals([level, number], ["info", "[redacted]"]);
  }));
});
