/** The thread of a Codex session, as the runner has stored it with the session, and Codex with its threads. */

import {
  checkConversation,
  readSessionJson,
  type SessionPaths,
  type SessionRecord,
  transcriptSchema,
} from "../session-folder.ts";
import { getCodexHome } from "./codex-home.ts";

/** The thread of the last launch: its id and its stored entries. Undefined before it has one. */
export function findThread({ thread }: Pick<SessionPaths, "thread">) {
  return readSessionJson(thread, transcriptSchema);
}

/** The thread with which a launch goes on. */
export function findEarlierThread(record: SessionRecord, paths: SessionPaths): SessionRecord["conversation"] {
  return checkConversation(findThread(paths) ?? record.conversation, record, paths, getCodexHome(paths.folder));
}
