import { RESPONSE_HEADERS } from "../../shared/http/http-app.ts";
import type { Ms } from "../../shared/time.ts";
import { wait } from "../../shared/wait.ts";
import { createPageEvents } from "./page-events.ts";

/** What the Worker calls of the object; Cloudflare calls it in the object's own process. */
export interface ObjectStub {
  fetch(request: Request): Promise<Response>;
  watch(): Promise<void>;
  readRevision(): Promise<string>;
}

/** Delay before an answer is broken off: 100 ms, because one that fails before its beginning was sent becomes a whole 500. */
const BREAK_DELAY: Ms = 100;

/** A webhook that was not stored gets no answer, because Plane counts every answer as delivered and repeats only the rest. */
export async function forwardWebhook(object: ObjectStub, request: Request): Promise<Response> {
  try {
    const response = await object.fetch(request);
    return response.status < 500 ? response : breakOff();
  } catch {
    return breakOff();
  }
}

/**
 * A Worker cannot close a connection without a response. A response whose body fails before its end comes closest: the
 * sender's HTTP library reports a broken connection.
 */
function breakOff(): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const sent = writer.write(new TextEncoder().encode(" ")).then(() => wait(BREAK_DELAY));
  void sent.finally(() => writer.abort()).catch(() => {});
  return new Response(readable, { status: 503 });
}

export async function openPageEvents(object: ObjectStub, request: Request): Promise<Response> {
  // HEAD is checked like GET, but opens no stream in the object.
  const checked = await object.fetch(new Request(request, { method: "HEAD" }));
  if (checked.status !== 200) return object.fetch(request);
  const headers = [...RESPONSE_HEADERS, ["Content-Type", "text/event-stream"]] as [string, string][];
  return new Response(
    createPageEvents(() => object.readRevision()),
    { headers },
  );
}
