import type { UploadTicket } from "../../plane/attachments.ts";
import { MINUTE, type Ms } from "../../time.ts";

/** A ticket is not used in its last minute. */
const TICKET_MARGIN_MS: Ms = MINUTE;

/**
 * How long a ticket may be used, by Plane's clock alone: its own end against its own time of answering, less a minute.
 * Ten minutes where it does not tell; Plane's are good for an hour.
 */
export function getTicketLifetime({ fields }: UploadTicket["upload_data"], answeredAt: string): Ms {
  const end = /"expiration":\s*"([^"]+)"/.exec(decodeBase64(fields["policy"] ?? ""))?.[1] ?? "";
  const lifetime = Date.parse(end) - Date.parse(answeredAt);
  return Number.isFinite(lifetime) ? Math.max(lifetime - TICKET_MARGIN_MS, lifetime / 2) : 10 * MINUTE;
}

function decodeBase64(base64: string): string {
  try {
    return atob(base64);
  } catch {
    return "";
  }
}
