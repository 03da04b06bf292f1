import { createHmac } from "node:crypto";

export const SECRET = "plane_wh_of_these_tests";

export function sign(body: string | Uint8Array, secret = SECRET): string {
  return createHmac("sha256", secret).update(body).digest("hex");
}

/** The headers of a delivery as Plane sends them. */
export function planeHeaders(body: string | Uint8Array, secret = SECRET): Record<string, string> {
  return {
    "content-type": "application/json",
    "x-plane-delivery": crypto.randomUUID(),
    "x-plane-event": "issue",
    "x-plane-signature": sign(body, secret),
  };
}
