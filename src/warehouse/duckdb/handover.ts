// Hands rows over to a statement of DuckDB's as vectors, without writing a text that DuckDB would have to split and read: for
// each layout of columns there is a function in SQL that gives, for one number, one struct of lists, which the statement
// unnests. It is called once a statement, on the JavaScript thread, copies what is there, and the work is done on DuckDB's.
// Must not know tables, transactions or what the rows mean.
//
// This is the one file that is unsafe: it writes to DuckDB's memory, and tells it where texts are in ours. It rests on this,
// of which tests/warehouse/duckdb_handover_test.ts checks what can be checked:
// 1. Sizes. A list's child has room for as many values as were reserved for it; as many are copied, each of the width of the
//    type that the function is declared with. How large a list's validity mask is, nobody promises: none is written. NULLs go
//    in as a list of booleans of their own.
// 2. Entries of texts are DuckDB's `string_t` on a machine that writes the lowest byte first: 4 bytes of length, then up to 12
//    bytes of text, the rest 0, or 4 bytes of text and 8 of an address. A text is UTF-8, as DuckDB does not look at it again.
// 3. Addresses are in an `ArrayBuffer` of its own, which V8 never moves; it is neither resized nor transferred, and it is held
//    here until the statement has ended. DuckDB keeps what it writes: nothing of a vector outlives its statement.
// 4. A function answers only while its statement runs, and only the number that the statement was given: a number of 48 bits
//    that nobody can guess. Others may see its name, and get an error.
// 5. A statement waits for this thread while its function runs, so this thread must never wait for the statement: it is only
//    ever awaited, and the connection that runs it is not used or closed before (see `Session`).

import type { DuckDBConnection } from "@duckdb/node-api";
import type { LogicalType, Vector as NativeVector } from "@duckdb/node-bindings";
import type { Client } from "./client.ts";
import type { Rows } from "./rows.ts";
import { ENTRY_BYTES, INLINE_BYTES, TextVector } from "./text_vector.ts";
import type { Vector } from "./vector.ts";

const TWO_TO_THE_32 = 2 ** 32;

/** How a column is declared: the type of its values, as DuckDB's client numbers types, and whether it is JSON. */
interface Declared {
  readonly type: number;
  readonly isJson?: boolean;
}

/** DuckDB's numbers of types. */
const TYPES = {
  BOOLEAN: 1,
  BIGINT: 5,
  DOUBLE: 11,
  TIMESTAMP: 12,
  VARCHAR: 17,
  "TIMESTAMP WITH TIME ZONE": 31,
} as const;

function declaredAs(vector: Vector, isJson: boolean): Declared {
  if (vector instanceof TextVector) return { type: TYPES.VARCHAR, isJson };
  return { type: TYPES[vector.column.type as keyof typeof TYPES] };
}

/** What a statement's function is called, and the number that it is to be given. */
export interface Handed extends Disposable {
  readonly call: string;
  readonly number: bigint;
}

let handovers = 0;

/** What one connection is handed. */
export class Handover {
  readonly #client: Client;
  readonly #prefix = `FRESHET_ROWS_${++handovers}_`;
  #functions = 0;
  /** Names of functions by layout. */
  readonly #named = new Map<string, string>();
  /** Those that go when the transaction is taken back. */
  readonly #new: string[] = [];
  /** What is being handed over, and the number to ask for it with. */
  #rows: Rows | undefined;
  #number = 0n;

  constructor(client: Client) {
    this.#client = client;
  }

  /** The transaction has ended. Functions that were made in it are gone, unless it was committed. */
  ended(isCommitted: boolean): void {
    if (!isCommitted) { for (const layout of this.#new) this.#named.delete(layout); }
    this.#new.length = 0;
  }

  /** Hands the rows to the next statement of the connection, which has ended when this is disposed of. `json`: columns that DuckDB need not look at. */
  give(connection: DuckDBConnection, rows: Rows, json: ReadonlySet<Vector>): Handed {
    const declared = rows.vectors.map((vector) => declaredAs(vector, json.has(vector)));
    const layout = declared.map(({ type, isJson }) => isJson ? "j" : type).join(" ");
    let name = this.#named.get(layout);
    if (name === undefined) {
      name = `${this.#prefix}${this.#functions++}`;
      this.#register(connection, name, declared);
      this.#named.set(layout, name);
      this.#new.push(layout);
    }
    this.#rows = rows;
    const [low, high] = crypto.getRandomValues(new Uint32Array(2));
    this.#number = BigInt(high! & 0xffff) << 32n | BigInt(low!);
    return { call: name, number: this.#number, [Symbol.dispose]: () => this.#rows = undefined };
  }

  #register(connection: DuckDBConnection, name: string, declared: readonly Declared[]): void {
    const { bindings, DuckDBScalarFunction } = this.#client;
    const types = declared.flatMap(({ type, isJson }): LogicalType[] => {
      const of = bindings.create_logical_type(type);
      if (isJson) bindings.logical_type_set_alias(of, "JSON");
      return [of, bindings.create_logical_type(TYPES.BOOLEAN)].map((of) => bindings.create_list_type(of));
    });
    const names = declared.flatMap((_, i) => [`c${i}`, `n${i}`]);
    const made = new DuckDBScalarFunction();
    const of = made.scalar_function;
    bindings.scalar_function_set_name(of, name);
    bindings.scalar_function_add_parameter(of, bindings.create_logical_type(TYPES.BIGINT));
    bindings.scalar_function_set_return_type(of, bindings.create_struct_type(types, names));
    // It is run when the statement is, and not once and for all when that is prepared.
    bindings.scalar_function_set_volatile(of);
    bindings.scalar_function_set_function(of, (info, input, output) => {
      try {
        const asked = bindings.vector_get_data(bindings.data_chunk_get_vector(input, 0), 8);
        const number = new DataView(asked.buffer, asked.byteOffset, 8).getBigInt64(0, true);
        const rows = bindings.data_chunk_get_size(input) === 1 && number === this.#number ? this.#rows : undefined;
        if (rows === undefined) throw new Error(`${name} is Freshet's own`);
        if (rows.vectors.length !== declared.length) throw new Error(`${name} is for ${declared.length} columns`);
        rows.vectors.forEach((vector, i) => this.#write(output, { vector, index: 2 * i, length: rows.length }));
      } catch (error) {
        bindings.scalar_function_set_error(info, String(error));
      }
    });
    connection.registerScalarFunction(made);
  }

  /** Writes a column, and which of its cells are NULL, into two of the lists. */
  #write(
    struct: NativeVector,
    { vector, index, length }: { readonly vector: Vector; readonly index: number; readonly length: number },
  ): void {
    const cells = vector instanceof TextVector ? addressed(vector, length) : vector.buffer;
    this.#copy(struct, { index, length, buffer: cells, width: vector.width });
    const nulls = vector.nulls.buffer as ArrayBuffer;
    this.#copy(struct, { index: index + 1, length: vector.hasNulls ? length : 0, buffer: nulls, width: 1 });
  }

  #copy(
    struct: NativeVector,
    { index, length, buffer, width }: {
      readonly index: number;
      readonly length: number;
      readonly buffer: ArrayBuffer;
      readonly width: number;
    },
  ): void {
    const { bindings } = this.#client;
    const list = bindings.struct_vector_get_child(struct, index);
    bindings.list_vector_reserve(list, length);
    bindings.list_vector_set_size(list, length);
    // The list begins at 0 and has so many values.
    bindings.copy_data_to_vector(list, 0, new BigUint64Array([0n, BigInt(length)]).buffer, 0, 16);
    if (length === 0) return;
    if (buffer.byteLength < length * width) {
      throw new RangeError(`There are ${buffer.byteLength} bytes for ${length} values`);
    }
    bindings.copy_data_to_vector(bindings.list_vector_get_child(list), 0, buffer, 0, length * width);
  }
}

/** The entries of texts with addresses where they have places. */
function addressed({ buffer, heap, heapBytes }: TextVector, length: number): ArrayBuffer {
  if (heapBytes === 0) return buffer;
  const base = Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(heap as Uint8Array<ArrayBuffer>)));
  const entries = buffer.slice(0, length * ENTRY_BYTES);
  const words = new Int32Array(entries);
  for (let word = 0; word < words.length; word += ENTRY_BYTES / 4) {
    if (words[word]! <= INLINE_BYTES) continue;
    const address = base + words[word + 2]!;
    words[word + 2] = address;
    words[word + 3] = Math.floor(address / TWO_TO_THE_32);
  }
  return entries;
}
