import { Webhook } from "standardwebhooks";
import type { Ms } from "../time.ts";

/**
 * Creates the headers of a post signed according to Standard Webhooks. `id` must be the same on each attempt, so that a
 * receiver recognises repeats.
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
