/**
 * What the branch of a ticket changes, as its runner sends it when a commit was added: kept for each round, so that a
 * result is judged also while the runner is away.
 */

import { z } from "zod";
import type { TaskDeps } from "../app/deps.ts";
import type { Job, Store, StoreKey } from "../store/port.ts";
import { DAY, type Ms } from "../time.ts";
import type { Ticket } from "./ticket.ts";
import { showUnseen } from "./tool-input.ts";

/** Limit of a difference in UTF-16 units: 2 Mi, about 50,000 lines. The runner leaves out the files after it. */
export const MAX_DIFFERENCE_LENGTH = 2 * 2 ** 20;

/** Limit of the body that brings one in bytes: 8 MB, its longest text in escaped and three-byte characters. */
export const DIFFERENCE_LIMIT_BYTES = 8 * 2 ** 20;

/** What a branch changes against the branch that it began at. */
export const differenceSchema = z.object({
  run: z.int().min(1),
  round: z.int().min(1),
  /** The newest commit. */
  commit: z.string().max(64),
  /** A unified diff. */
  text: z.string().max(MAX_DIFFERENCE_LENGTH),
  /** Number of files that did not fit. */
  left_out: z.int().min(0),
});

export type Difference = z.infer<typeof differenceSchema>;

/** Retention of a difference: 90 days, as of the round. */
const DIFFERENCE_MS: Ms = 90 * DAY;

const toKey = (key: string, { run, round }: Pick<Difference, "run" | "round">): StoreKey =>
  `ticket-difference:${key}:${run}.${round}`;

/**
 * Stores the difference of a round. Characters that cannot be seen, or reorder others, become their code points: a
 * person judges what is there. `jobs`: for the commit.
 */
export async function storeDifference(
  { store, notify }: Pick<TaskDeps, "store" | "notify">,
  key: string,
  given: Difference,
  jobs: Job[],
): Promise<void> {
  const value = { ...given, text: showUnseen(given.text.replaceAll("\r\n", "␍\n")) };
  await store.commit({ put: [{ key: toKey(key, given), value, expires: DIFFERENCE_MS }], jobs });
  if (jobs.length > 0) notify();
}

/** Reads the difference of a round, by default the present one; undefined before its first commit. */
export async function readDifference(
  { store }: { store: Pick<Store, "read"> },
  { key, run, round }: Pick<Ticket, "key" | "run" | "round">,
): Promise<Difference | undefined> {
  // A further round begins with what the one before has changed.
  for (let one = round; one > 0; one -= 1) {
    const [stored] = await store.read<Difference>([toKey(key, { run, round: one })]);
    if (stored) return stored.value;
  }
  return undefined;
}
