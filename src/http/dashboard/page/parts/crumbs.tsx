// Where a page is below others: the last one is the page itself.
import type { PageName } from "../pages.tsx";
import { Link } from "./link.tsx";

export function Crumbs({ crumbs }: { readonly crumbs: readonly PageName[] }) {
  const [page, ...above] = crumbs.toReversed();
  return (
    <nav class="crumbs" aria-label="Breadcrumbs">
      <ol>
        {above.toReversed().map(({ path, title }) => (
          <li key={path}>
            <Link to={path}>{title}</Link> <span aria-hidden="true">›</span>
          </li>
        ))}
        <li>
          <h1>
            <bdi>{page?.title}</bdi>
          </h1>
        </li>
      </ol>
    </nav>
  );
}
