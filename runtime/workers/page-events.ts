import type { Ms } from "../../shared/time.ts";
import { wait } from "../../shared/wait.ts";

/** Interval between two looks at the object: 3 s. */
const CHECK_INTERVAL: Ms = 3_000;
/** Looks per stream: 40, below the 50 requests to other services that one event of a Worker may make on the free plan. */
const MAX_CHECKS = 40;
/** Number of looks without a change after which a heartbeat is sent: 5, which is 15 s. */
const BEAT_AFTER = 5;

/**
 * Creates the page's event stream in the Worker instead of the object, which can then sleep between two looks. A stream
 * lasts 2 minutes; its page then opens another.
 */
export function createPageEvents(readRevision: () => Promise<string>): ReadableStream<Uint8Array> {
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
