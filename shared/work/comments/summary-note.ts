import { cleanText } from "../../clean-text.ts";
import { DAY, type Ms } from "../../time.ts";
import type { KeptClaim } from "../claims/find-claim.ts";
import type { CallContext } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";

/** An agent's last note on an item. */
export interface KeptNote {
  /** Store time. */
  at: Ms;
  /** Markdown, shortened; absent on notes of earlier versions. */
  text?: string;
}

/** Retention of a note: 90 days, the longest a task may reasonably take. */
const NOTE_MS: Ms = 90 * DAY;
/** Limit of the stored text, in UTF-16 units: more than a message shows of it. */
const MAX_NOTE_LENGTH = 2_000;

/** Whether the note was written since the agent's claim began; such a note counts as its summary. */
export function isSummaryNote({ at }: KeptNote, claim: KeptClaim | undefined, agent: string): boolean {
  return claim?.agent !== agent || at >= claim.since;
}

export async function recordNote({ deps, caller }: CallContext, task: Task, text: string): Promise<void> {
  const value: KeptNote = { at: await deps.store.now(), text: cleanText(text, MAX_NOTE_LENGTH) };
  await deps.store.commit({ put: [{ key: workKeys.note(caller.name, task.id), value, expires: NOTE_MS }] });
}
