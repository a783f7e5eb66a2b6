// FRESHET_STATE, a log of changes of operators' state, as rows: commits only append to it, reading takes the last change of
// each key, compacting deletes the others. Of the statements it knows one condition, which all warehouses share.

import { WarehouseRefusedError } from "../../errors.ts";
import type { Checkpoints, Row, StateChange, Unit } from "../warehouse.ts";

/** Rows of state that are handed out at a time. */
export const PAGE_ROWS = 8192;

/**
 * The unit's state changes as rows, under the checkpoint that the unit makes.
 * Errors: `WarehouseRefusedError` for a partition that the unit does not move: its state would not be fenced.
 */
export function stateRows(unit: Unit, domain: string): Row[] {
  const checkpoints = new Map(unit.moves.map(({ partition, checkpoint }) => [partition, checkpoint + 1]));
  return unit.state.map(({ operator, partition, namespace, key, value }) => {
    const checkpoint = checkpoints.get(partition);
    if (checkpoint === undefined) {
      throw new WarehouseRefusedError(`State of partition ${partition} is in a unit that does not move its offset`);
    }
    return {
      DOMAIN: domain,
      OPERATOR: operator,
      TOPIC: unit.topic,
      KAFKA_PARTITION: partition,
      NAMESPACE: namespace,
      STATE_KEY: key,
      STATE_VALUE: value,
      CHECKPOINT_ID: checkpoint,
    };
  });
}

/**
 * Condition for the rows of FRESHET_STATE, of a domain and topic, that the given checkpoints and later ones have written.
 * `table`: what stands before a column.
 */
export function sinceCondition(checkpoints: Checkpoints, table = ""): string {
  if (checkpoints.size === 0) return "FALSE";
  const written = Array.from(
    checkpoints,
    ([partition, checkpoint]) =>
      `${table}KAFKA_PARTITION = ${Number(partition)} AND ${table}CHECKPOINT_ID >= ${Number(checkpoint)}`,
  );
  return `(${written.join(" OR ")})`;
}

/** State out of rows of OPERATOR, KAFKA_PARTITION, NAMESPACE, STATE_KEY and STATE_VALUE. */
export function stateChanges(rows: readonly (readonly unknown[])[]): StateChange[] {
  return rows.map(([operator, partition, namespace, key, value]) => ({
    operator: String(operator),
    partition: Number(partition),
    namespace: Number(namespace),
    key: String(key),
    value: value === null ? null : String(value),
  }));
}
