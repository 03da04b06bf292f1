import { Webhook } from "standardwebhooks";
import type { Ms } from "../time.ts";

/**
 * The headers of an event in the Standard Webhooks form. `webhook-id` is the same on each attempt, so a receiver can
 * tell a repeat.
 */
export function createSignedHeaders(secret: string, id: string, now: Ms, payload: string): Record<string, string> {
  const timestamp = new Date(now);
  return {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(now / 1000)),
    "webhook-signature": new Webhook(secret).sign(id, timestamp, payload),
  };
}
