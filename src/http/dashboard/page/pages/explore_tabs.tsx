// The two ways to look into the tables: as they are, and by SQL.
import { Link } from "../parts/link.tsx";

const TABS = [
  { path: "/explore", title: "Tables" },
  { path: "/explore/sql", title: "SQL" },
] as const;

export function ExploreTabs({ chosen }: { readonly chosen: typeof TABS[number]["path"] }) {
  return (
    <nav class="tabs" aria-label="Ways to explore">
      {TABS.map(({ path, title }) => <Link key={path} to={path} current={path === chosen}>{title}</Link>)}
    </nav>
  );
}
