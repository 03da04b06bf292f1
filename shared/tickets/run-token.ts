import { createTokenCheck } from "../hashing/token-check.ts";
import type { Store } from "../store/port.ts";
import { parseTaskKey } from "../task-key.ts";
import { findTicket } from "./change-ticket.ts";
import type { Ticket } from "./ticket.ts";

const TOKEN_PATTERN = /^([\w%.!~*'()-]{3,120})\.[0-9a-f]{64}$/;

/**
 * Creates GROUNDCREW_TOKEN of a run: the ticket's key, so that the ticket is found without an index, and 64 random
 * hexadecimal digits. `newId` returns a random UUID.
 */
export function createRunToken(key: string, newId: () => string): string {
  return `${encodeURIComponent(key)}.${`${newId()}${newId()}`.replaceAll("-", "")}`;
}

/** Whether a text has the form of a run's token; it may be the token of no run. */
export function isRunToken(token: string): boolean {
  return TOKEN_PATTERN.test(token);
}

/** Finds the ticket whose present run has this token. A run that is not wanted any more has none. */
export async function findTicketOfToken(
  deps: { store: Pick<Store, "read"> },
  token: string,
  key: string | undefined = readKey(token),
): Promise<Ticket | undefined> {
  const known = parseTaskKey(key ?? "")?.key;
  const ticket = known === undefined ? undefined : await findTicket(deps, known);
  const expected = ticket?.wanted ? ticket.approval?.token : undefined;
  const isValid = await createTokenCheck(expected === undefined ? [] : [expected])(token);
  return isValid ? ticket : undefined;
}

function readKey(token: string): string | undefined {
  try {
    return decodeURIComponent(TOKEN_PATTERN.exec(token)?.[1] ?? "");
  } catch {
    return undefined;
  }
}
