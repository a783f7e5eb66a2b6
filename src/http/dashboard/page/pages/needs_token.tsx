// What stands in the place of what only FRESHET_API_TOKEN opens, and the way to give it.
import { useContext } from "preact/hooks";
import { ConnectionContext } from "../asking.ts";

/** `what` is what may not be done, as the beginning of a sentence. */
export function NeedsToken({ what }: { readonly what: string }) {
  const { report } = useContext(ConnectionContext);
  return (
    <div class="nowhere">
      <h2>This needs another token</h2>
      <p>{what} by those who have FRESHET_API_TOKEN. The token that this page was opened with only reads.</p>
      <p>
        <button type="button" onClick={() => report("locked")}>Give the token</button>
      </p>
    </div>
  );
}
