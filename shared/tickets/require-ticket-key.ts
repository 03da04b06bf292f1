import { GroundcrewError } from "../errors.ts";
import { parseTaskKey, type TaskKey } from "../task-key.ts";

/** Parses the key of a ticket as people write it. Throws `bad_request` for another text. */
export function requireTicketKey(text: string): TaskKey {
  const key = parseTaskKey(text);
  if (key) return key;
  throw new GroundcrewError("bad_request", `"${text.slice(0, 40)}" is not the key of a ticket, such as ONB-12.`);
}
