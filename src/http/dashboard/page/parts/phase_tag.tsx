// What a pipeline is doing, in a word.
import type { DomainStatus } from "../../../../engine/status.ts";

const PHASES: Readonly<Record<DomainStatus["phase"], readonly [mark: string, tone: string]>> = {
  starting: ["◷", ""],
  joining: ["◷", ""],
  standby: ["◷", ""],
  running: ["✓", "tag-ok"],
  restarting: ["▲", "tag-warn"],
  draining: ["◷", ""],
  stopped: ["■", ""],
  failed: ["▲", "tag-bad"],
};

export function PhaseTag({ status: { phase, standstill } }: { readonly status: DomainStatus }) {
  const [mark, tone] = standstill === null ? PHASES[phase] : ["▲", "tag-bad"];
  return (
    <span class={`tag ${tone}`}>
      <span aria-hidden="true">{mark}</span> {standstill === null ? phase : "stands still"}
    </span>
  );
}
