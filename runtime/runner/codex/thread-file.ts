/** The thread of a Codex session, as the runner has stored it with the session, and Codex with its threads. */

import { existsSync } from "node:fs";
import { readSessionJson, type SessionPaths, type SessionRecord, transcriptSchema } from "../session-folder.ts";

/** The thread of the last launch: its id and its stored entries. Undefined before it has one. */
export function findThread({ sessionStart }: Pick<SessionPaths, "sessionStart">) {
  return readSessionJson(sessionStart, transcriptSchema);
}

/** The thread with which a launch goes on: lost where its file is gone, none where nothing of it was stored. */
export function findEarlierThread(record: SessionRecord, paths: SessionPaths): SessionRecord["conversation"] {
  const known = findThread(paths) ?? record.conversation;
  if (!known || existsSync(known.transcript_path)) return known;
  const wasStored = record.conversation !== undefined || record.details.tokens !== undefined;
  return wasStored ? { ...known, is_lost: true } : undefined;
}
