import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { readSessionFile } from "./read-session-file.ts";
import { writePrivateFile } from "./session-folder.ts";

/** Length of an id in bytes. */
const ID_BYTES = 36;

/**
 * The id of a runner's folder, which is created with it and says that a restarted runner is the same one: two hosts may
 * have the same name by mistake.
 */
export function getFolderId(folder: string): string {
  const path = join(folder, "runner-id");
  const kept = z.uuid().safeParse(readSessionFile(path, ID_BYTES)?.text);
  if (kept.success) return kept.data;
  const id = randomUUID();
  writePrivateFile(path, id);
  return id;
}
