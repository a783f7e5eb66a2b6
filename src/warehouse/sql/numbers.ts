// Numbers in a file of SQL that are settings of the program: a number with the setting's name beside it in a comment, as in
// `2600 /* ATS_HIGH_POWER_KW */`. The file runs as it is, too. Knows no setting.

import { snowflakeDialect, type Token, tokens } from "./scripts.ts";

const SETTING = /^\/\* ([A-Z][A-Z0-9_]*) \*\/$/;

const settingOf = (token: Token) => token.kind === "comment" ? SETTING.exec(token.text)?.[1] : undefined;

/** The text with other numbers; where `number` says `undefined` the file's own stays. */
export function withNumbers(text: string, number: (setting: string) => number | undefined): string {
  const filled: string[] = [];
  for (const token of tokens(text, snowflakeDialect)) {
    const setting = settingOf(token);
    const value = setting === undefined ? undefined : number(setting);
    // The number stands before the comment, with a space between.
    if (value !== undefined) filled[filled.length - 2] = String(value);
    filled.push(token.text);
  }
  return filled.join("");
}

/** The names of the settings whose numbers a text has, with the numbers in it. */
export function numbersIn(text: string): readonly (readonly [setting: string, number: number])[] {
  const all = [...tokens(text, snowflakeDialect)];
  return all.flatMap((token, i) => {
    const setting = settingOf(token);
    return setting === undefined ? [] : [[setting, Number(all[i - 2]?.text)] as const];
  });
}
