// What a page says where no record has come yet.
import { useContext } from "preact/hooks";
import { PageContext } from "../page_context.ts";

/** `what` has not come yet; `own` says how one's own records come, by the name of the command. */
export function useNoRecords(what: string, own?: (command: string) => string): string {
  const command = useContext(PageContext).about?.command ?? "freshet";
  return `${what} The simulation sends by itself (${command} run)${own ? `; ${own(command)}` : ""}.`;
}
