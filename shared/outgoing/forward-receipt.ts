import type { StoreKey } from "../store/port.ts";
import type { Ms } from "../time.ts";

/** Proof that another system accepted an event. */
export interface ForwardReceipt {
  /** Our time of its response. */
  at: Ms;
}

/** The key of a forwarded event's receipt. */
export function forwardReceiptKey(job: string): StoreKey {
  return `forwarded:${encodeURI(job)}`;
}
