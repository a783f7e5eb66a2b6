// Schemas of a registry: how values that were written by one are read, as JSON text. The libraries that know the formats are
// loaded when a schema of theirs is met.

import type { WrittenSchema } from "../log.ts";

/** A schema that others refer to, by the name they call it. */
export interface SchemaReference {
  readonly name: string;
  readonly schema: string;
}

/** A schema as a registry has it. */
export interface SchemaSource {
  /** `JSON`, `AVRO`, `PROTOBUF`, or what the registry calls it. */
  readonly type: string;
  readonly schema: string;
  /** What it refers to, and what that refers to: each after all that it refers to itself. */
  readonly references: readonly SchemaReference[];
}

/** Never rejects: a schema that is not to be used says why. */
export async function compileSchema(source: SchemaSource): Promise<WrittenSchema> {
  const { type } = source;
  try {
    switch (type) {
      case "JSON":
        return { type };
      case "AVRO": {
        const { avroReader } = await import("./avro.ts");
        return { type, read: avroReader(source) };
      }
      case "PROTOBUF": {
        const { protobufReader } = await import("./protobuf.ts");
        return { type, read: protobufReader(source) };
      }
    }
    return { type, problem: "it is of a type that Freshet does not read: JSON, AVRO and PROTOBUF are" };
  } catch (error) {
    return { type, problem: error instanceof Error ? error.message : String(error) };
  }
}
