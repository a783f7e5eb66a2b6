/**
 * How state is stored, for programs that read or mend it outside of a run.
 *
 * @module
 */

export { keyTextOf } from "./key.ts";
export { type KeyedState, type Marks, MARKS_NAMESPACE, type StateCodec, type StateEntry } from "./state.ts";
