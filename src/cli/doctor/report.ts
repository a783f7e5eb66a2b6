// What `doctor` and `lint` have found, as people read it. Knows nothing of how it was found.
import { countOf } from "../rows.ts";

/** What came of a check. */
export interface Finding {
  readonly domain: string;
  readonly check: string;
  readonly result: "ok" | "not ok" | "not checked";
  /** What was found, or why it was not looked at. */
  readonly detail: string;
  /** What to do next. */
  readonly advice?: string;
}

/** Findings for people, with a line for each domain where there are several. */
export function report(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ domain }) => domain.length));
  const lines = findings.map(({ domain, check, result, detail, advice }) =>
    `${result.padEnd("not checked".length)}  ${domain.padEnd(width)}  ${check}\n` +
    [detail, advice].filter((text) => text).map((text) => `    ${text!.replaceAll("\n", "\n    ")}\n`).join("")
  );
  const count = (result: Finding["result"]) => findings.filter((finding) => finding.result === result).length;
  const all = `${count("ok")} ok, ${count("not ok")} not ok, ${count("not checked")} not checked\n`;
  return `${lines.join("")}\n${summary(findings, width)}${all}`;
}

/** A line for each domain. */
function summary(findings: readonly Finding[], width: number): string {
  const byDomain = Map.groupBy(findings, ({ domain }) => domain);
  if (byDomain.size === 1) return "";
  return [...byDomain].map(([domain, its]) => {
    const not = (result: Finding["result"]) => its.filter((finding) => finding.result === result).length;
    const [bad, open] = [not("not ok"), not("not checked")];
    const words = [
      `${countOf(its.length - bad - open, "check")} ok`,
      ...(bad > 0 ? [`${bad} not ok`] : []),
      ...(open > 0 ? [`${open} not checked`] : []),
    ];
    return `${domain.padEnd(width)}  ${bad > 0 ? "not right" : open > 0 ? "right as far as checked" : "right"}: ${
      words.join(", ")
    }\n`;
  }).join("") + "\n";
}
