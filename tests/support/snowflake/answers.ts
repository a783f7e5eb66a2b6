// How the double ends a request: with JSON, with a refusal, or by cutting the line.

import type { ServerResponse } from "node:http";
import type { Refusal } from "./sessions.ts";

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export function cut(response: ServerResponse): void {
  response.socket?.destroy();
}

export function send(response: ServerResponse, body: string): void {
  response.writeHead(200, { "content-type": "application/json" }).end(body);
}

export function ok(response: ServerResponse): void {
  send(response, JSON.stringify({ data: null, code: null, message: null, success: true }));
}

export function refuse(response: ServerResponse, refusal: Refusal & { readonly sqlState?: string }): void {
  const { code, message, sqlState = "08001" } = refusal;
  const data = { errorCode: code, sqlState, queryId: null, authnMethod: "" };
  send(response, JSON.stringify({ data, code, message, success: false, headers: null }));
}
