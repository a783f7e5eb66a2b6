// A program for steps_test.ts: one owner of a partition, whose raw rows go ahead, from where the one before left it to the end.
// Argument: what it needs, as JSON.

import { openSnowflake, type SnowflakeOptions } from "../../../src/warehouse/snowflake.ts";
import type { Warehouse } from "../../../src/warehouse/warehouse.ts";
import { append, segment, TOPIC, unit } from "../../contracts/warehouse/suite.ts";
import { quietDriver } from "../../support/snowflake/driver.ts";
import { RAW, rawRows, send, span } from "../../support/snowflake/streaming/place.ts";

export interface StepMember {
  readonly snowflake: SnowflakeOptions;
  readonly end: number;
  /** Offsets whose records become dead letters whatever was decided, as where a typed table refuses them. */
  readonly condemned: readonly number[];
}

/** Dead letters for this one: what went ahead is accepted all the same. */
const DEAD = [5];

/** Works off what is left of partition 0, as the engine does: what is decided stays so. */
export async function workOff(
  warehouse: Warehouse,
  { end, condemned }: Pick<StepMember, "end" | "condemned">,
): Promise<void> {
  await using writer = await warehouse.writer("domain", RAW);
  const [claim] = await writer.claim(TOPIC, [0]);
  const { nextOffset, decided } = claim!;
  const accepted = (offset: number) =>
    condemned.includes(offset)
      ? false
      : decided === undefined || offset >= decided.before
      ? !DEAD.includes(offset)
      : decided.accepted.some(({ from, to }) => offset >= from && offset < to);
  const offsets = span(nextOffset, end);
  if (offsets.length === 0) return;
  await send(writer, rawRows(offsets.filter(accepted)));
  const letters = offsets.filter((offset) => !accepted(offset)).map((offset) => {
    const place = { DOMAIN: "domain", TOPIC, KAFKA_PARTITION: 0, KAFKA_OFFSET: offset };
    return segment([{ ...place, STAGE: "write", REASON: "none", SEEN_AT: 0 }], { offset });
  });
  const typed = offsets.map((ID) => ({ ID, NAME: "typed" }));
  const state = [{ operator: "o", partition: 0, namespace: 0, key: "k", value: String(end) }];
  await writer.commit(
    unit([claim!], end, {
      appends: [append("EVENTS", segment(typed)), append("DEAD_LETTERS", ...letters)],
      state,
    }),
  );
}

if (import.meta.main) {
  const { snowflake, ...rest } = JSON.parse(Deno.args[0]!) as StepMember;
  quietDriver();
  await using warehouse = await openSnowflake(snowflake);
  await workOff(warehouse, rest);
}
