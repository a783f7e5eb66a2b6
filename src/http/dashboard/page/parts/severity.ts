// How much alerts matter on a page.
import { useContext } from "preact/hooks";
import type { About } from "../../protocol.ts";
import { PageContext } from "../page_context.ts";
import type { SeverityOf } from "./alert_groups.ts";

/** How much alerts of a domain matter, by their types. */
export function severitiesOf(about: About | undefined, domain: string | undefined): SeverityOf {
  const severities = about?.domains.find(({ name }) => name === domain)?.severities;
  return (type) => severities?.[type] ?? "warning";
}

/** How much alerts of the page's domain matter. */
export function useSeverityOf(): SeverityOf {
  const { about, domain } = useContext(PageContext);
  return severitiesOf(about, domain);
}
