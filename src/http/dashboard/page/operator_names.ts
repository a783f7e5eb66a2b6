// What people call the operators that keep state: by the tables that they write.
import { wordsOf } from "./format.ts";

/** State that says how far an operator is, beside the windows and sessions that it holds. */
const PROGRESS = /\/(closed|corrections)$/;

/** Of what is told of a domain's operators: those that hold windows, sessions and the like, in their order. */
export function holdersIn(operators: readonly string[]): readonly string[] {
  return operators.filter((operator) =>
    !(PROGRESS.test(operator) && operators.includes(operator.replace(PROGRESS, "")))
  );
}

/**
 * Names for all operators of a domain: `Hourly stats` for `ATS_HOURLY_STATS_PARTS`, `Alerts: high power draw` for
 * `ATS_ALERTS/HIGH_POWER_DRAW`. A word with which all tables of the domain begin is left out.
 */
export function operatorNames(operators: readonly string[]): ReadonlyMap<string, string> {
  const split = operators.map((operator) => {
    const [table = "", ...parts] = operator.split("/");
    return { operator, words: table.replace(/_PARTS$/, "").split("_"), parts };
  });
  const [first] = split;
  const isShared = split.every(({ words }) => words.length > 1 && words[0] === first!.words[0]) &&
    new Set(split.map(({ words }) => words.join("_"))).size > 1;
  return new Map(split.map(({ operator, words, parts }) => {
    const table = wordsOf((isShared ? words.slice(1) : words).join("_"));
    return [
      operator,
      parts.length === 0 ? table : `${table}: ${parts.map((part) => wordsOf(part).toLowerCase()).join(", ")}`,
    ];
  }));
}
