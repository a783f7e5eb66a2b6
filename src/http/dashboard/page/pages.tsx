// Which page an address names: those of the domains that run, those about one train, zone, product or user, and those about all.
import type { ComponentChildren } from "preact";
import type { About } from "../protocol.ts";
import { domainPages } from "./domain_pages.ts";
import { cutText, wordsOf } from "./format.ts";
import type { LiveNews } from "./live_stream.ts";
import { ExplorePage } from "./pages/explore.tsx";
import { MadePage } from "./pages/made.tsx";
import { OverviewPage } from "./pages/overview.tsx";
import { PipelinePage } from "./pages/pipeline.tsx";
import { SqlPage } from "./pages/sql/mod.tsx";

export interface PageName {
  readonly path: string;
  readonly title: string;
}

export interface Page extends PageName {
  /** Whose state the head tells; that of all when there is none. */
  readonly domain?: string;
  readonly topics: readonly string[];
  /** The pages above this one. */
  readonly crumbs?: readonly PageName[];
  readonly show: (live: LiveNews) => ComponentChildren;
}

/** The pages that the head leads to. */
export function pageNames({ domains }: About): readonly PageName[] {
  return [
    { path: "/", title: "Overview" },
    ...domains.map(({ name }) => ({ path: `/${name}`, title: titleOf(name) })),
    { path: "/pipeline", title: "Pipeline" },
    { path: "/explore", title: "Explore" },
  ];
}

function titleOf(domain: string): string {
  return domainPages.get(domain)?.title ?? wordsOf(domain);
}

/** The page of a path; `undefined` when there is none. */
export function pageAt(path: string, about: About): Page | undefined {
  switch (path) {
    case "/":
      return {
        path,
        title: "Overview",
        topics: ["status", ...about.domains.filter(({ has_alerts }) => has_alerts).map(({ name }) => `alerts/${name}`)],
        show: (live) => <OverviewPage about={about} live={live} />,
      };
    case "/pipeline":
      return {
        path,
        title: "Pipeline",
        topics: ["status"],
        show: (live) => <PipelinePage about={about} live={live} />,
      };
    case "/explore":
      return { path, title: "Explore", topics: ["status"], show: () => <ExplorePage about={about} /> };
    case "/explore/sql":
      return { path, title: "SQL", topics: ["status"], show: () => <SqlPage about={about} /> };
  }
  const [, name, encoded, ...more] = path.split("/");
  const domain = about.domains.find((one) => one.name === name);
  if (domain === undefined || more.length > 0) return undefined;
  const page = domain.is_made ? undefined : domainPages.get(domain.name);
  const topics = domain.has_alerts ? ["status", `alerts/${domain.name}`] : ["status"];
  const common = { path, domain: domain.name, topics };
  if (encoded === undefined) {
    return {
      ...common,
      title: titleOf(domain.name),
      show: (live) => page ? page.show(live) : <MadePage domain={domain} live={live} />,
    };
  }
  const id = decoded(encoded);
  if (page?.one === undefined || id === undefined) return undefined;
  const { one } = page;
  return {
    ...common,
    title: cutText(id, 60),
    crumbs: [
      { path: "/", title: "Overview" },
      { path: `/${domain.name}`, title: titleOf(domain.name) },
      { path, title: cutText(id, 60) },
    ],
    show: (live) => one(id, live),
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text) || undefined;
  } catch {
    return undefined;
  }
}
