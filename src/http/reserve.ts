// A few connections beyond the limit, for requests that strangers must not keep out: where all others are being answered,
// those that are spared are answered over these, one each; all others are told why not. Must not know which are spared.
import { endedWithin } from "../deadline.ts";
import { Connections } from "./connections.ts";
import { fullAnswer, type FullReason } from "./turn_away.ts";

/** As many as may be open at a time; one whose request does not come is closed for the next. */
const TOTAL = 8;
/** How long a request may take to come, and an answer to leave, milliseconds. */
const HEADERS_MS = 1_000;
/** How long is read of a body that nobody wants: closed before, the answer may be lost. */
const LINGER_MS = 250;

/** The connections of the reserve. */
export function reserveConnections(): Connections {
  return new Connections({
    limits: { total: TOTAL, perAddress: TOTAL, headersMs: HEADERS_MS, idleMs: HEADERS_MS },
  });
}

/** The answer to a request that is not spared; the connection is closed after it. */
export async function refuseUnread(request: Request, why: FullReason): Promise<Response> {
  if (request.body) await endedWithin(request.body.pipeTo(new WritableStream()), LINGER_MS);
  return fullAnswer(why);
}
