// The page about the API, made of its description: routes, what they take and give, and the kinds of problems. Plain HTML,
// no script, nothing from elsewhere.
import { html } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import type { OpenApiDocument } from "./openapi.ts";
import { PROBLEMS } from "./problem.ts";

type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

/** The parts of a description that are shown. */
interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly unknown[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema?: { readonly description?: string };
  }[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
}

interface Media {
  readonly schema?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value?: unknown }>>;
}

interface Route {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

/** The page. `base` is the address that examples name. */
export function docsPage(document: OpenApiDocument, base: string): Html {
  const routes = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as Readonly<Record<string, Operation>>).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
    }))
  );
  const byTag = [...Map.groupBy(routes, ({ operation }) => operation.tags?.[0] ?? "other")];
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Freshet API</title>
        <link rel="stylesheet" href="/docs.css">
      </head>
      <body>
        <header>
          <h1>Freshet API</h1>
          <p>${document.info.description} Version ${document.info
            .version}; for programs: <a href="/openapi.json">openapi.json</a>.</p>
        </header>
        <main>
    ${byTag.map(([tag, tagged]) =>
      html`<section><h2>${capital(tag)}</h2>${tagged.map((route) => article(route, base))}</section>`
    )}
    <section>
    <h2>Problems</h2>
    <div class="scroll"><table>
    <thead><tr><th>Code</th><th>Status</th><th>Meaning</th></tr></thead>
    <tbody>
    ${Object.entries(PROBLEMS).map(([code, { status, title, meaning }]) =>
      html`
        <tr id="${code}">
          <td><code>${code}</code></td>
          <td>${status}</td>
          <td>${title}. ${meaning}</td>
        </tr>
      `
    )}
    </tbody>
    </table></div>
    </section>
    <section>
    <h2>Schemas</h2>
    ${Object.entries(document.components?.schemas ?? {}).map(([name, schema]) =>
      html`
        <h3 id="schema-${name}">${name}</h3>
        <pre>${JSON.stringify(schema, null, 2)}</pre>
      `
    )}
    </section>
        </main>
      </body>
    </html>
  `;
}

function article({ method, path, operation }: Route, base: string): Html {
  const { summary, description, security, parameters = [], requestBody, responses } = operation;
  const guarded = security !== undefined && security.length > 0;
  return html`<article>
<h3><span class="method">${method}</span> <code>${path}</code></h3>
<p>${summary}.${description === undefined ? "" : ` ${description}`}${guarded ? " Needs the bearer token." : ""}</p>
${requestBody?.required ? "" : html`<pre>${curl({ method, path, operation }, { base, guarded })}</pre>`}
${
    parameters.map(({ name, in: place, required, schema }) =>
      html`
        <p class="muted"><code>${name}</code> (${place}${required ? "" : ", optional"}): ${schema?.description}</p>
      `
    )
  }
${
    Object.entries(requestBody?.content["application/json"]?.examples ?? {}).map(([name, { value }]) =>
      html`
        <p class="muted">${capital(name)}:</p>
        <pre>${curl({ method, path, operation }, { base, value, guarded })}</pre>
      `
    )
  }
<div class="scroll"><table>
<tbody>
${
    Object.entries(responses).map(([status, answer]) =>
      html`
        <tr>
          <td>${status}</td>
          <td>${answer.description}</td>
        </tr>
      `
    )
  }
</tbody>
</table></div>
</article>`;
}

/** The request as a person types it. */
function curl(
  { method, path }: Route,
  { base, value, guarded }: { readonly base: string; readonly value?: unknown; readonly guarded: boolean },
): string {
  const parts = ["curl", ...method === "GET" ? [] : ["-X", method], `${base}${path}`];
  if (guarded) parts.push('-H "authorization: Bearer $FRESHET_API_TOKEN"');
  if (value !== undefined) {
    parts.push("-H 'content-type: application/json'", `-d '${JSON.stringify(value).replaceAll("'", "'\\''")}'`);
  }
  return parts.join(" ");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
