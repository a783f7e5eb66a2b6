// `.env` files: the values are those that python-dotenv reads, which the systems before used, and Compose's where it is stricter.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { parse } from "../../src/cli/dotenv.ts";
import fc from "fast-check";
import { readEnvironment } from "../../src/cli/environment.ts";
import { ConfigError } from "../../src/errors.ts";
import { readByPython, whyNoDotenv } from "../support/dotenv/python.ts";

/** Texts, and what they say. */
const CORPUS: readonly (readonly [text: string, values: Record<string, string>])[] = [
  ["A=1", { A: "1" }],
  ["A=1\nB=2\n", { A: "1", B: "2" }],
  ["A=1\r\nB=2\r\n", { A: "1", B: "2" }],
  ["A=1\rB=2", { A: "1", B: "2" }],
  ["A=\nPASSWORD=secret", { A: "", PASSWORD: "secret" }],
  ["A= \nPASSWORD=secret", { A: "", PASSWORD: "secret" }],
  ["A=\t\r\nPASSWORD=secret", { A: "", PASSWORD: "secret" }],
  ["A = 1 ", { A: "1" }],
  ["  A=1", { A: "1" }],
  ["export A=1", { A: "1" }],
  ["export\tA=1", { A: "1" }],
  ["A=pass#word", { A: "pass#word" }],
  ["A=pass #word", { A: "pass" }],
  ["A=pass\t# word # more", { A: "pass" }],
  ["A=#word#", { A: "#word#" }],
  ["# A=1\n#B=2\nC=3", { C: "3" }],
  ["A='pass #word'", { A: "pass #word" }],
  ["A='pass' # a comment", { A: "pass" }],
  ['A="pass#word"#comment', { A: "pass#word" }],
  [`A='it\\'s'`, { A: "it's" }],
  [`A='a\\nb'`, { A: "a\\nb" }],
  [`A="a\\nb"`, { A: "a\nb" }],
  [`A="a\\tb\\"c\\\\d"`, { A: 'a\tb"c\\d' }],
  [`A="a\\$b\\x"`, { A: "a\\$b\\x" }],
  ["A='two\nlines'", { A: "two\nlines" }],
  ['A="-----BEGIN KEY-----\nabc=\n-----END KEY-----"\nB=1', {
    A: "-----BEGIN KEY-----\nabc=\n-----END KEY-----",
    B: "1",
  }],
  ["A=a=b==", { A: "a=b==" }],
  ["A=it's", { A: "it's" }],
  ['A=say "x"', { A: 'say "x"' }],
  ["A=a\\nb", { A: "a\\nb" }],
  ["A=C:\\data\\new", { A: "C:\\data\\new" }],
  ["A=$HOME_OF", { A: "$HOME_OF" }],
  ["A=pa$$word", { A: "pa$$word" }],
  ["A=1\nB=${A}2", { A: "1", B: "12" }],
  ['A=1\nB="${A}2"', { A: "1", B: "12" }],
  ["A=${NOT_SET_ANYWHERE:-x}", { A: "x" }],
  ["A=${NOT_SET_ANYWHERE}", { A: "" }],
  ["A=${FROM_OUTSIDE}", { A: "outside" }],
  ["A=1\nA=2", { A: "2" }],
  ["A", {}],
  ["A=1\nA", {}],
  ["A\nB=1", { B: "1" }],
  ["", {}],
  ["\n\n  \n", {}],
  ["A.b-c=1", { "A.b-c": "1" }],
  ["A=ünïcode ☃", { A: "ünïcode ☃" }],
  ["A=\u00a0x", { A: "x" }],
  ["'A'=1", { A: "1" }],
];

const OUTSIDE = { FROM_OUTSIDE: "outside" };

Deno.test("a .env file says what it says to python-dotenv", () => {
  for (const [text, values] of CORPUS) assertEquals(parse(text, OUTSIDE), values, JSON.stringify(text));
});

Deno.test("a blank value and a comment behind it are an empty value; single quotes keep a ${…}: as Compose has it", () => {
  assertEquals(parse("A= # nothing\nB=1"), { A: "", B: "1" });
  assertEquals(parse("A=1\nB='${A}'"), { A: "1", B: "${A}" });
});

Deno.test("what is no assignment is an error that names the line, and nothing of what stands there", () => {
  for (const text of ['A=1\nB="secret', "A=1\n=secret", "A=1\nB='x' secret", "A=1\nB secret=1"]) {
    const error = assertThrows(() => parse(text), SyntaxError, "line 2");
    assert(!error.message.includes("secret"), error.message);
  }
});

Deno.test("a .env file of Windows is read: byte order mark, UTF-16; what is neither is refused", async () => {
  const path = await Deno.makeTempFile();
  const utf16 = (text: string, little: boolean) => {
    const view = new DataView(new ArrayBuffer(text.length * 2));
    for (let i = 0; i < text.length; i++) view.setUint16(i * 2, text.charCodeAt(i), little);
    return new Uint8Array(view.buffer);
  };
  try {
    const text = "\ufeffA=ü\r\nB=2\r\n";
    for (const bytes of [new TextEncoder().encode(text), utf16(text, true), utf16(text, false)]) {
      await Deno.writeFile(path, bytes);
      assertEquals(readEnvironment({ B: "3" }, path), { A: "ü", B: "3" });
    }
    for (const bytes of [utf16("A=1", true), new Uint8Array([0x41, 0x3d, 0xff])]) {
      await Deno.writeFile(path, bytes);
      assertThrows(() => readEnvironment({}, path), ConfigError, "UTF-8");
    }
  } finally {
    await Deno.remove(path);
  }
});

const missing = await whyNoDotenv();

Deno.test({
  name: "python-dotenv reads the corpus, and texts made at random, the same",
  ignore: missing !== undefined,
  async fn() {
    const texts = [
      ...CORPUS.map(([text]) => text),
      ...fc.sample(
        fc.array(
          fc.constantFrom(..."AB=='\"\\n#$ {}:-\n\r\t"),
          { maxLength: 30 },
        ).map((letters) => `A=${letters.join("")}`),
        { numRuns: 3_000, seed: 1 },
      ),
    ];
    const theirs = await readByPython(texts, OUTSIDE);
    for (const [i, text] of texts.entries()) {
      let ours: Record<string, string>;
      try {
        ours = parse(text, OUTSIDE);
      } catch {
        continue; // Compose's way.
      }
      // The two that Compose reads otherwise.
      if (/=[^\S\r\n]+#/.test(text) || /'[^']*\$\{/.test(text)) continue;
      assertEquals(ours, theirs[i], JSON.stringify(text));
    }
  },
});
