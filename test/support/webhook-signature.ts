import { createHmac } from "node:crypto";

export const WEBHOOK_SECRET = "plane_wh_of_these_tests";

/** The body of a small valid delivery. */
export const SHORT_DELIVERY = JSON.stringify({
  event: "issue",
  action: "updated",
  data: { id: "525a36c6-0000-4000-8000-000000000001" },
});

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
