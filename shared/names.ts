/**
 * Names as people write them: the keys of tasks and projects, and the known name that a mistyped one most likely
 * means.
 */

import { z } from "zod";

/** A task's key and its parts. */
export interface TaskKey {
  /** `ONB-12`: letters, digits, `_` and `-` only, so that it is safe in the names of files, branches and sessions. */
  key: string;
  /** `ONB` */
  identifier: string;
  number: number;
}

/** A project's identifier, for patterns with the flag `u`. Plane's page accepts also `ÖKO`, its API also `A_B`. */
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

/** Largest share of a name that may be mistyped: with one third, "thanks" would match "tasks" and "start" "statut". */
const TYPO_SHARE = 0.3;

/** Minimum length of a name that may contain a typo: a shorter one ("ok") would match unrelated words ("oh"). */
const SHORTEST_NAME = 3;

/** Minimum length of a name that matches as a prefix: too many words begin with a shorter one. */
const SHORTEST_PREFIX = 4;

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

/**
 * Finds the known name that a mistyped one most likely means: the name with the fewest typing errors, else the longest
 * name that is a prefix of the input (`task_id` means `task`). Undefined when no name is close.
 */
export function findNearestName(input: string, known: readonly string[]): string | undefined {
  const word = input.toLowerCase();
  const [nearest] = known
    // Every missing or extra letter is a typing error, so the length alone excludes most names.
    .filter((name) => Math.abs(word.length - name.length) <= getTypoLimit(word, name))
    .map((name) => ({ name, typos: countTypos(word, name.toLowerCase()) }))
    .filter(({ name, typos }) => typos <= getTypoLimit(word, name))
    .sort((a, b) => a.typos - b.typos);
  if (nearest) return nearest.name;
  return known
    .filter((name) => name.length >= SHORTEST_PREFIX && word.startsWith(name.toLowerCase()))
    .sort((a, b) => b.length - a.length)[0];
}

function getTypoLimit(a: string, b: string): number {
  const length = Math.max(a.length, b.length);
  return length < SHORTEST_NAME ? 0 : Math.max(1, Math.floor(length * TYPO_SHARE));
}

/** Counts missing, extra, wrong and transposed letters (optimal string alignment distance). */
function countTypos(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number) => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i += 1) {
    rows[i] = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const wrong = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwapped ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY;
      rows[i]?.push(Math.min(wrong, swapped, at(i - 1, j) + 1, at(i, j - 1) + 1));
    }
  }
  return at(a.length, b.length);
}
