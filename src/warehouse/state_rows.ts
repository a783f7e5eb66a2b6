// State changes as rows of FRESHET_STATE, for every adapter. Must not know any driver.

import { WarehouseRefusedError } from "../errors.ts";
import type { Row, Unit } from "./warehouse.ts";

/**
 * The unit's state changes as rows of FRESHET_STATE, under the checkpoint that the unit makes.
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
