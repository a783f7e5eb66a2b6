// A Schema Registry to misbehave on command: speaks the parts of Confluent's API that Freshet uses, checks what it is sent, and
// can be away, slow or strict. The real one that tests also run against is in apicurio.ts.

import { assertMatch } from "@std/assert";

interface Stored {
  readonly schema: string;
  readonly schemaType: string | undefined;
  readonly guid: string;
  readonly references: readonly Reference[];
}

/** A schema that another refers to. */
export interface Reference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

/** What a schema is added with. */
export interface Added {
  readonly schema?: string;
  readonly subject?: string;
  readonly references?: readonly Reference[];
}

/** What is asked for, or to be registered; without a type it is Avro. */
interface Posted {
  readonly schemaType?: string;
  readonly schema: string;
  readonly references?: readonly Reference[];
}

const CONTENT_TYPE = "application/vnd.schemaregistry.v1+json";

export class StandInRegistry implements AsyncDisposable {
  /** Method and path of each request, in order. */
  readonly requests: string[] = [];
  /** Answers everything with this status. */
  status: number | undefined;
  /** Answers nothing. */
  hangs = false;
  /** The `Authorization` header that is asked for. */
  authorization: string | undefined;
  /** Registering is refused with this status. */
  refusesSchemas: number | undefined;
  /** What the check of a schema against the subject's latest says. */
  isCompatible = true;
  /** Of the next requests for ids, so many are answered as by a replica that does not know yet. */
  behind = 0;
  readonly #schemas = new Map<number, Stored>();
  readonly #subjects = new Map<string, Set<number>>();
  readonly #hanging: (() => void)[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor(port: number) {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, (request) => this.#answer(request));
  }

  static start(port = 0): StandInRegistry {
    return new StandInRegistry(port);
  }

  get port(): number {
    return this.#server.addr.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/apis/v7`;
  }

  /** Registers a schema and returns its id. */
  add(schemaType: string | undefined, { schema = "{}", subject, references = [] }: Added = {}): number {
    const id = 1 + this.#schemas.size;
    const guid = `00000000-0000-4000-8000-${String(id).padStart(12, "0")}`;
    this.#schemas.set(id, { schema, schemaType, guid, references });
    if (subject !== undefined) this.#subjects.set(subject, (this.#subjects.get(subject) ?? new Set()).add(id));
    return id;
  }

  guidOf(id: number): string {
    return this.#schemas.get(id)!.guid;
  }

  schemaOf(id: number): string {
    return this.#schemas.get(id)!.schema;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#hanging) end();
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const path = pathname.replace(/^\/apis\/v7/, "");
    this.requests.push(`${request.method} ${path}${search}`);
    const body = await request.text();
    if (this.hangs) await new Promise<void>((resolve) => this.#hanging.push(resolve));
    if (this.status !== undefined) return error(this.status, this.status * 100, "as told");
    if (this.authorization !== undefined && request.headers.get("authorization") !== this.authorization) {
      return error(401, 401, "Unauthorized");
    }
    if (request.method === "GET") return this.#lookUp(path);
    assertMatch(request.headers.get("content-type") ?? "", /^application\/(vnd\.schemaregistry\.v1\+)?json$/);
    if (path.startsWith("/compatibility/")) {
      return Response.json({ is_compatible: this.isCompatible, messages: this.isCompatible ? [] : ["differs: /page"] });
    }
    const [, subject, versions] = /^\/subjects\/([^/]+)(\/versions)?$/.exec(path)!;
    return this.#post(decodeURIComponent(subject!), versions !== undefined, JSON.parse(body));
  }

  #lookUp(path: string): Response {
    const [, subject, version] = /^\/subjects\/([^/]+)\/versions\/(latest|\d+)$/.exec(path) ?? [];
    if (subject !== undefined) return this.#version(decodeURIComponent(subject), version!);
    if (path.startsWith("/config/")) return Response.json({ compatibilityLevel: "BACKWARD" });
    const id = /^\/schemas\/ids\/(\d+)$/.exec(path)?.[1];
    const guid = /^\/schemas\/guids\/([0-9a-f-]{36})$/.exec(path)?.[1];
    if (id === undefined && guid === undefined) return new Response("Not found", { status: 404 });
    if (this.behind > 0) {
      this.behind--;
      return error(404, 40403, "Schema not found");
    }
    const found = id === undefined
      ? this.#schemas.values().find((schema) => schema.guid === guid)
      : this.#schemas.get(Number(id));
    if (!found) return error(404, 40403, "Schema not found");
    const { schema, schemaType, references } = found;
    return Response.json({ schema, schemaType, references: references.length > 0 ? references : undefined });
  }

  #version(subject: string, version: string): Response {
    const ids = [...this.#subjects.get(subject) ?? []];
    if (ids.length === 0) return error(404, 40401, "Subject not found");
    const number = version === "latest" ? ids.length : Number(version);
    const id = ids[number - 1];
    return id === undefined
      ? error(404, 40402, "Version not found")
      : Response.json({ ...this.#told(id), subject, version: number });
  }

  #post(subject: string, registers: boolean, body: Posted): Response {
    const ids = this.#subjects.get(subject);
    const known = [...ids ?? []].find((id) => this.schemaOf(id) === body.schema);
    if (known !== undefined) return Response.json({ ...this.#told(known), subject, version: 1 });
    if (!registers) return ids ? error(404, 40403, "Schema not found") : error(404, 40401, "Subject not found");
    if (this.refusesSchemas !== undefined) {
      return error(this.refusesSchemas, this.refusesSchemas, "incompatible: /page");
    }
    return Response.json(this.#told(this.add(body.schemaType, { ...body, subject })));
  }

  #told(id: number): object {
    return { id, ...this.#schemas.get(id)! };
  }
}

function error(status: number, error_code: number, message: string): Response {
  return Response.json({ error_code, message }, { status, headers: { "content-type": CONTENT_TYPE } });
}
