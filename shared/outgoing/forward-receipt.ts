import type { StoreKey } from "../store/port.ts";
import type { Ms } from "../time.ts";

/** That another system took an event: our time of its answer. */
export interface ForwardReceipt {
  at: Ms;
}

/** Where a forwarded event's receipt is kept. */
export function forwardReceiptKey(job: string): StoreKey {
  return `forwarded:${encodeURI(job)}`;
}
