import { createHmac } from "node:crypto";

export const WEBHOOK_SECRET = "plane_wh_of_these_tests";

export function signBody(body: string | Uint8Array, secret = WEBHOOK_SECRET): string {
  return createHmac("sha256", secret).update(body).digest("hex");
}

/** The headers of a delivery as Plane sends them. */
export function createWebhookHeaders(body: string | Uint8Array, secret = WEBHOOK_SECRET): Record<string, string> {
  return {
    "content-type": "application/json",
    "x-plane-delivery": crypto.randomUUID(),
    "x-plane-event": "issue",
    "x-plane-signature": signBody(body, secret),
  };
}
