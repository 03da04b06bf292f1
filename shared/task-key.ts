import { z } from "zod";

/** A project's identifier, for patterns with the flag `u`. It is not only ASCII: Plane's page accepts `ÖKO`, its API also `A_B`. */
const IDENTIFIER = String.raw`[\p{L}\p{N}_]{1,12}`;

/** A task's key, for patterns with the flag `u`. */
export const TASK_KEY_SOURCE = String.raw`${IDENTIFIER}-[1-9]\d{0,9}`;

const KEY = new RegExp(`^${TASK_KEY_SOURCE}$`, "u");

/** A task's key as programs send it, in upper case: `ONB-12`. */
export const taskKeySchema = z.string().regex(KEY);

/** A project's identifier as people write it in settings; the result is in upper case, as Plane keeps it. */
export const identifierSchema = z
  .string()
  .trim()
  .normalize("NFC")
  .toUpperCase()
  .regex(new RegExp(`^${IDENTIFIER}$`, "u"));

/** A task's key and its parts. */
export interface TaskKey {
  /** `ONB-12`: letters, digits, `_` and `-` only, so that it is safe in the names of files, branches and sessions. */
  key: string;
  /** `ONB` */
  identifier: string;
  number: number;
}

/**
 * Parses a task's key as people write it, in lower case and between spaces as well; undefined for another text. Letters
 * that are sent as a base and an accent, as macOS does, become one.
 */
export function parseTaskKey(text: string): TaskKey | undefined {
  const key = text.trim().normalize("NFC").toUpperCase();
  if (!KEY.test(key)) return undefined;
  const end = key.lastIndexOf("-");
  return { key, identifier: key.slice(0, end), number: Number(key.slice(end + 1)) };
}
