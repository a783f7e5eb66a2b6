// A lint plugin that keeps the arrows of the house: who may import what, and that only main.ts touches the process.
// The rules are the tables below; the rest reads imports. Knows file names, nothing of what the files do.

/** What the files of a part may import. The first part that a file belongs to counts. */
interface Part {
  readonly name: string;
  /** The files that belong to it. */
  readonly files: RegExp;
  /** Files of ours that they may import. */
  readonly ours: RegExp;
  /** Packages that they may import; absent when there is no restriction beyond `OWNERS`. */
  readonly packages?: RegExp;
  /** Whether they may import nothing but types. */
  readonly typesOnly?: boolean;
}

const PARTS: readonly Part[] = [
  { name: "The stream library", files: /^src\/stream\//, ours: /^src\/stream\//, packages: /^tinyqueue$/ },
  {
    name: "A domain's page",
    files: /^src\/domains\/[^/]+\/page\//,
    ours: /^src\/(http\/dashboard\/page\/mod\.ts$|domains\/[^/]+\/(answers\.ts$|page\/))/,
    packages: /^preact$/,
  },
  {
    name: "What panels answer",
    files: /^src\/(domains\/[^/]+|panels)\/answers\.ts$/,
    ours: /^src\/panels\/answers\.ts$/,
    packages: /^$/,
    typesOnly: true,
  },
  {
    name: "A domain",
    files: /^src\/domains\//,
    ours: /^(src\/(domains\/.*\.ts$|(checks|panels)\/)|(sql|simulators)\/)/,
    packages: /^(zod|@freshet\/stream)$/,
  },
  {
    name: "The panels",
    files: /^src\/panels\//,
    ours: /^src\/(panels\/|domains\/domain\.ts$|engine\/rows\.ts$|warehouse\/warehouse\.ts$)/,
    packages: /^(zod|@freshet\/stream)$/,
  },
  {
    name: "A port",
    files: /^src\/(log\/log|warehouse\/warehouse|cache\/cache)\.ts$/,
    ours: /^src\/warehouse\/cells\.ts$/,
    typesOnly: true,
  },
  { name: "The log", files: /^src\/log\//, ours: /^src\/(log\/|(errors|clock|file_identity|private_files)\.ts$)/ },
  {
    name: "The warehouse",
    files: /^src\/warehouse\//,
    ours: /^src\/(warehouse\/|(errors|sent_errors|clock|deadline|file_identity|private_files|semaphore)\.ts$)/,
  },
  {
    name: "Alerts",
    files: /^src\/alerts\//,
    ours:
      /^src\/(alerts\/|(log\/log|warehouse\/warehouse|config\/mod|engine\/(options|status)|clock|deadline|errors|logging)\.ts$)/,
  },
  { name: "The cache", files: /^src\/cache\//, ours: /^src\/(cache\/|errors\.ts$|clock\.ts$)/ },
  {
    name: "The engine",
    files: /^src\/engine\//,
    ours:
      /^src\/((engine|domains)\/|log\/(headers|log|look_up|wire_format)\.ts$|warehouse\/(warehouse|cells|offset_ranges)\.ts$|errors\.ts$|clock\.ts$|missing_field\.ts$)/,
  },
  {
    name: "The list of the domains' pages",
    files: /^src\/http\/dashboard\/page\/domain_pages\.ts$/,
    ours: /^src\/(domains\/[^/]+\/page\/mod\.tsx|http\/dashboard\/page\/mod\.ts)$/,
  },
  {
    name: "The editor of the dashboard's page",
    files: /^src\/http\/dashboard\/page\/editor\//,
    ours: /^src\/http\/dashboard\/page\/editor\//,
    packages: /^(@codemirror\/[a-z-]+|@lezer\/highlight)$/,
  },
  {
    name: "The dashboard's page",
    files: /^src\/http\/dashboard\/page\//,
    ours:
      /^src\/(http\/dashboard\/(page\/|(delta|protocol)\.ts$)|panels\/answers\.ts$|engine\/(status|topic_records)\.ts$)/,
    packages: /^(preact|echarts)$/,
  },
  {
    name: "The checks",
    files: /^src\/checks\//,
    ours:
      /^src\/(checks\/|domains\/(domain|older_form)\.ts$|engine\/(episodes|rows)\.ts$|warehouse\/sql\/(numbers|scripts)\.ts$)/,
  },
  {
    name: "HTTP",
    files: /^src\/http\//,
    ours:
      /^src\/((http|panels)\/|domains\/domain\.ts$|engine\/(status|checkpoint_totals|decode|republish|skip|time_fault|topic_records)\.ts$|warehouse\/warehouse\.ts$|(config|metrics)\/mod\.ts$|(errors|clock|csv|deadline|logging|missing_field|semaphore)\.ts$)|^dist\/page\/(page|editor)\.js$/,
  },
  { name: "The command line", files: /^src\/cli\//, ours: /^(src|simulators|sql)\/|^(deno\.json|dist\/commit\.txt)$/ },
  {
    name: "A simulator",
    files: /^simulators\//,
    ours: /^(simulators\/|src\/domains\/|src\/clock\.ts$)/,
    packages: /^@faker-js\/faker$/,
  },
  { name: "The threads", files: /^src\/threads\//, ours: /^(src\/(?!cli\/)|sql\/)/ },
  { name: "The program's core", files: /^src\/[^/]+\.ts$/, ours: /^(src\/(?!cli\/)|sql\/)/ },
  { name: "main.ts", files: /^main\.ts$/, ours: /^src\// },
];

/** Packages that belong to one place. */
const OWNERS: Readonly<Record<string, RegExp>> = {
  "@freshet/stream": /^src\/(domains|engine|checks|panels|cli)\//,
  "@platformatic/kafka": /^src\/log\/kafka\/platformatic\//,
  "kafkajs": /^src\/log\//,
  "node:sqlite": /^src\/log\//,
  "@duckdb/node-api": /^src\/warehouse\//,
  "@duckdb/node-bindings": /^src\/warehouse\/duckdb\//,
  "snowflake-sdk": /^src\/warehouse\//,
  "avsc": /^src\/log\/schemas\//,
  "protobufjs": /^src\/log\/schemas\//,
  "redis": /^src\/cache\//,
  "nodemailer": /^src\/alerts\/channels\/mail\.ts$/,
  "lru-cache": /^src\/cache\//,
  "hono": /^src\/http\//,
  "@hono/zod-openapi": /^src\/http\//,
  "prom-client": /^src\/metrics\//,
  "preact": /^src\/(http\/dashboard\/page\/|domains\/[^/]+\/page\/)/,
  "echarts": /^src\/http\/dashboard\/page\/parts\/chart_canvas\.ts$/,
  "commander": /^src\/cli\//,
  "cli-progress": /^src\/cli\//,
  "cli-table3": /^src\/cli\//,
  "string-width": /^src\/cli\//,
  "csv-stringify": /^src\/csv\.ts$/,
  "@faker-js/faker": /^simulators\//,
};

/** Adapters: from outside their folder they are imported when they are needed, never with the program. */
const ADAPTERS =
  /^src\/(log\/(embedded|kafka|schema_registry|registered_log)|warehouse\/(duckdb|snowflake|other_thread)|cache\/redis)\.ts$/;

/** A package in the checkout: from outside it is imported through its exports. */
const STREAM_LIBRARY = "src/stream/";
/** What domains name without loading it: it is imported by them when it is needed. */
const LAZY_FOR_DOMAINS = /^simulators\//;

/** Files that the rules are not about. */
const OUTSIDE = /^(tests|bench|build|lint|links)\//;

/** What belongs to the process: main.ts hands it on. */
const PROCESS_MEMBERS: Readonly<Record<string, RegExp>> = {
  Deno: /^(env|args|exit|exitCode|addSignalListener|removeSignalListener)$/,
  process: /^(env|argv|exit|exitCode)$/,
  console: /./,
};

const ROOT = new URL("../", import.meta.url);

/** The path from the project's root, with slashes. */
function pathOf(filename: string): string {
  const path = filename.startsWith("file:") ? decodeURIComponent(new URL(filename).pathname) : filename;
  const root = decodeURIComponent(ROOT.pathname);
  return (path.startsWith(root) ? path.slice(root.length) : path).replaceAll("\\", "/");
}

/** What an import names: a file of ours by its path, or a package. */
function targetOf(specifier: string, importer: string): { readonly ours: string } | { readonly package: string } {
  if (/^\.{0,2}\//.test(specifier)) return { ours: new URL(specifier, `file:///${importer}`).pathname.slice(1) };
  const name = specifier.replace(/^(npm|jsr):\/?/, "");
  const scoped = /^(@[^/]+\/[^/@]+|node:[^/]+|[^/@]+)/.exec(name);
  return { package: scoped?.[0] ?? name };
}

interface Import {
  readonly importer: string;
  readonly specifier: string;
  readonly typesOnly: boolean;
  readonly lazy: boolean;
}

/** Why an import is wrong, or `undefined`. */
function complaint({ importer, specifier, typesOnly, lazy }: Import): string | undefined {
  const part = PARTS.find(({ files }) => files.test(importer));
  if (!part) return undefined;
  const target = targetOf(specifier, importer);
  if (part.typesOnly && !typesOnly) return `${part.name} imports types only: write "import type"`;
  if ("package" in target) {
    const owner = OWNERS[target.package];
    if (owner && !owner.test(importer)) return `"${target.package}" is imported by files ${owner.source} only`;
    const allowed = part.packages?.test(target.package) ?? true;
    return allowed ? undefined : `${part.name} does not import the package "${target.package}"`;
  }
  if (target.ours.startsWith(STREAM_LIBRARY) && !importer.startsWith(STREAM_LIBRARY)) {
    return `The stream library is a package: import it by its name, "@freshet/stream"`;
  }
  if (!part.ours.test(target.ours)) return `${part.name} does not import "${target.ours}"`;
  const adapterFolder = target.ours.slice(0, target.ours.lastIndexOf("/") + 1);
  if (ADAPTERS.test(target.ours) && !lazy && !typesOnly && !importer.startsWith(adapterFolder)) {
    return `The adapter "${target.ours}" is imported lazily: write "await import(…)"`;
  }
  if (LAZY_FOR_DOMAINS.test(target.ours) && importer.startsWith("src/domains/") && !lazy && !typesOnly) {
    return `A domain imports "${target.ours}" lazily: write "() => import(…)"`;
  }
  return undefined;
}

function isTypesOnly(node: { importKind?: string; exportKind?: string; specifiers?: readonly unknown[] }): boolean {
  if (node.importKind === "type" || node.exportKind === "type") return true;
  const specifiers = (node.specifiers ?? []) as readonly { readonly importKind?: string }[];
  return specifiers.length > 0 && specifiers.every((specifier) => specifier.importKind === "type");
}

const imports: Deno.lint.Rule = {
  create(context) {
    const importer = pathOf(context.filename);
    if (OUTSIDE.test(importer)) return {};
    const check = (
      node: Deno.lint.Node,
      source: unknown,
      how: { readonly typesOnly: boolean; readonly lazy: boolean },
    ) => {
      if (typeof source !== "string") return;
      const message = complaint({ importer, specifier: source, ...how });
      if (message) context.report({ node, message });
    };
    return {
      ImportDeclaration: (node) => check(node, node.source.value, { typesOnly: isTypesOnly(node), lazy: false }),
      ExportAllDeclaration: (node) => check(node, node.source.value, { typesOnly: isTypesOnly(node), lazy: false }),
      ExportNamedDeclaration: (node) => check(node, node.source?.value, { typesOnly: isTypesOnly(node), lazy: false }),
      ImportExpression(node) {
        const source = node.source.type === "Literal" ? node.source.value : undefined;
        check(node, source, { typesOnly: false, lazy: true });
      },
    };
  },
};

const process: Deno.lint.Rule = {
  create(context) {
    const file = pathOf(context.filename);
    if (OUTSIDE.test(file) || file === "main.ts") return {};
    return {
      MemberExpression(node) {
        if (node.object.type !== "Identifier" || node.property.type !== "Identifier") return;
        const whole = `${node.object.name}.${node.property.name}`;
        const { name } = node.object;
        if (!Object.hasOwn(PROCESS_MEMBERS, name) || !PROCESS_MEMBERS[name]!.test(node.property.name)) return;
        context.report({ node, message: `Only main.ts touches ${whole}: be handed it, or log` });
      },
    };
  },
};

const plugin: Deno.lint.Plugin = { name: "arrows", rules: { imports, process } };
export default plugin;
