import { GroundcrewError } from "../errors.ts";

/**
 * Parses the JSON body of a request; an empty one counts as an empty object. Throws `unsupported_type` for another
 * Content-Type, and `bad_request` for what is not JSON in UTF-8.
 */
export function parseJsonBody(bytes: Uint8Array, type: string | undefined): unknown {
  if (bytes.length === 0) return {};
  if (!/^\s*application\/json\s*(;|$)/i.test(type ?? ""))
    throw new GroundcrewError("unsupported_type", "Content-Type must be application/json.");
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new GroundcrewError("bad_request", "The body is not valid JSON in UTF-8.");
  }
}
