import { z } from "zod";
import { findTranscript } from "./claude-launch.ts";
import { readSessionFile } from "./read-session-file.ts";
import type { SessionPaths } from "./session-folder.ts";

/** Limit of what is read of a conversation in bytes: its last 64 KB. An interruption is its last entry, and short. */
const MAX_TAIL_BYTES = 64 * 1024;
/** How the text begins that Claude stores when somebody denies a dialog, or stops a turn, in the terminal. */
const INTERRUPTION = "[Request interrupted by user";

/** An entry that is a message. Others, such as titles and modes, may follow it. */
const messageSchema = z.object({ type: z.enum(["user", "assistant"]), isSidechain: z.literal(false).optional() });
const interruptionSchema = z.object({
  type: z.literal("user"),
  uuid: z.uuid(),
  // What a person types is a text, so that nobody can type an interruption.
  message: z.object({ content: z.tuple([z.object({ type: z.literal("text"), text: z.string() })]) }),
});

/**
 * Finds the interruption after which a session waits for text: the id of its conversation's last message, where that is
 * one. Claude runs no hook then, so that only the stored conversation tells it.
 */
export function findInterruption(paths: Pick<SessionPaths, "sessionStart">): string | undefined {
  const path = findTranscript(paths)?.transcript_path;
  const tail = path === undefined ? undefined : readSessionFile(path, MAX_TAIL_BYTES, "end");
  const last = tail?.text
    .split("\n")
    .map(parseJson)
    .findLast((entry) => messageSchema.safeParse(entry).success);
  const { success, data } = interruptionSchema.safeParse(last);
  return success && data.message.content[0].text.startsWith(INTERRUPTION) ? data.uuid : undefined;
}

/** The first line of the tail may be a part of one. */
function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
