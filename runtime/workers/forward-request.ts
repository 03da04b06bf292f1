/**
 * The Worker's way to its object: webhooks are answered by the object alone, and events of the page are made from
 * polls, because an open stream would keep the object awake.
 */

import { RESPONSE_HEADERS } from "../../shared/http/http-app.ts";
import { type Ms, wait } from "../../shared/time.ts";

/** What the Worker calls of the object; Cloudflare calls it in the object's own process. */
export interface ObjectStub {
  fetch(request: Request): Promise<Response>;
  watch(): Promise<void>;
  readRevision(): Promise<string>;
}

/** Delay before an answer is broken off: 100 ms, because one that fails before its beginning was sent becomes a whole 500. */
const BREAK_DELAY: Ms = 100;

/** Interval between two looks at the object: 3 s. */
const CHECK_INTERVAL: Ms = 3_000;

/** Looks per stream: 40, below the 50 requests to other services that one event of a Worker may make on the free plan. */
const MAX_CHECKS = 40;

/** Number of looks without a change after which a heartbeat is sent: 5, which is 15 s. */
const BEAT_AFTER = 5;

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

/**
 * Creates the page's event stream in the Worker instead of the object, which can then sleep between two looks. A stream
 * lasts 2 minutes; its page then opens another.
 */
function createPageEvents(readRevision: () => Promise<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let revision: string | undefined;
  let checks = 0;
  let quiet = 0;

  /** Returns the text that is sent to the page; empty when there is nothing to send. */
  async function look(): Promise<string> {
    if (checks > 0) await wait(CHECK_INTERVAL);
    checks += 1;
    // An object that does not answer counts as no change; the page sees the error when it fetches.
    const current = await readRevision().catch(() => revision ?? "");
    quiet = current === revision ? quiet + 1 : 0;
    revision = current;
    if (quiet === 0) return `event: change\ndata: ${current}\n\n`;
    if (checks >= MAX_CHECKS) return "event: again\ndata: \n\n";
    if (quiet < BEAT_AFTER) return "";
    quiet = 1;
    return "event: beat\ndata: \n\n";
  }

  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      let text = "";
      while (text === "") text = await look();
      controller.enqueue(encoder.encode(text));
      if (checks < MAX_CHECKS) return;
      if (!text.startsWith("event: again")) controller.enqueue(encoder.encode("event: again\ndata: \n\n"));
      controller.close();
    },
  });
}
