import type { UploadTicket } from "../../plane/attachments.ts";
import { MINUTE, type Ms } from "../../time.ts";

/** Margin before a ticket's end within which it is not used: 1 min, for the upload itself. */
const TICKET_MARGIN_MS: Ms = MINUTE;

/**
 * Returns how long a ticket may be used: from Plane's time of answering to the end that the ticket names, less a
 * margin, so that no other clock matters. Plane's tickets last an hour; 10 min when the ticket names no end.
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
