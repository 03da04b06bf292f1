import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { Ms } from "../../shared/time.ts";

export interface SessionFile {
  text: string;
  modifiedAt: Ms;
}

/**
 * Reads a file that the session's program may have written, at most `limit` bytes from its start or its end. Undefined
 * unless it is a regular file of this user: no link, no pipe (opening one would wait for a writer), no device, no file of
 * others.
 */
export function readSessionFile(path: string, limit: number, from: "start" | "end" = "start"): SessionFile | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile() || stats.uid !== process.getuid?.()) return undefined;
    const buffer = Buffer.alloc(Math.min(limit, stats.size));
    const offset = from === "end" ? stats.size - buffer.length : 0;
    let size = 0;
    while (size < buffer.length) {
      const count = readSync(file, buffer, size, buffer.length - size, offset + size);
      if (count === 0) break;
      size += count;
    }
    return { text: buffer.toString("utf8", 0, size), modifiedAt: stats.mtimeMs };
  } catch {
    return undefined;
  } finally {
    closeSync(file);
  }
}

/** Reads such a file as JSON; undefined when it cannot be read or is not JSON, for example while it is written. */
export function readSessionJson(path: string, limit: number): unknown {
  const file = readSessionFile(path, limit);
  if (file === undefined) return undefined;
  try {
    return JSON.parse(file.text);
  } catch {
    return undefined;
  }
}
