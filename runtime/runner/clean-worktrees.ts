/**
 * The worktrees on the runner's host: those that nobody needs are removed once that loses nothing, which may be days
 * after their tickets ended, when their branches are merged. The others are listed with their sizes.
 */

import { getErrorMessage } from "../../shared/errors.ts";
import { cleanLine } from "../../shared/text.ts";
import { MAX_REPORTED, type WorktreeReport } from "../../shared/tickets/exchange.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import { runProgram } from "../node/programs.ts";
import { fetchBase, findNamedBase } from "./publish.ts";
import type { RunnerContext } from "./runner-context.ts";
import { removeSession } from "./session-lifecycle.ts";
import { pickEnvironment } from "./session-processes.ts";

/** Time between two looks at all worktrees: 10 min. Their sizes are read from the disk. */
export const CLEANING_MS: Ms = 10 * MINUTE;

/** Timeout for the sizes of all worktrees: 5 min; each may have installed dependencies. */
const SIZES_TIMEOUT_MS: Ms = 5 * MINUTE;

/**
 * Removes the worktrees that are not needed, and lists the others.
 * @param runTask runs a task of a ticket, unless another one of it is running
 */
export async function cleanWorktrees(
  context: RunnerContext,
  runTask: (ticket: string, task: () => Promise<void>) => Promise<void>,
): Promise<WorktreeReport[]> {
  const { records, settings, log } = context;
  const removables = records.list().filter(({ phase, removable }) => phase === "ended" && removable);
  // Nobody tells of a branch that was only pushed that it was merged.
  const pushed = removables.filter(({ project }) => settings.repositories.get(project)?.publish === "push");
  const projects = new Map(pushed.map((record) => [record.project, record]));
  for (const record of projects.values()) {
    const { repository } = record;
    await fetchBase(context, repository, findNamedBase(context, record)).catch((thrown: unknown) =>
      log.warn("base branch cannot be fetched", { repository, reason: getErrorMessage(thrown) }),
    );
  }
  for (const { ticket } of removables) await runTask(ticket, () => removeIfUnneeded(context, ticket));
  return listWorktrees(context);
}

/** Removes an ended session whose worktree nobody needs, once that loses nothing. */
export async function removeIfUnneeded(context: RunnerContext, ticket: string): Promise<void> {
  const record = context.records.get(ticket);
  if (record?.phase === "ended" && record.removable) await removeSession(context, record, false);
}

async function listWorktrees({ env, worktrees, records }: RunnerContext): Promise<WorktreeReport[]> {
  const found = worktrees.list();
  if (found.length === 0) return [];
  const options = { env: pickEnvironment(env, "base"), timeoutMs: SIZES_TIMEOUT_MS };
  const { stdout } = await runProgram("du", ["-sk", "--", ...found.map(({ path }) => path)], options);
  const sizes = new Map(
    stdout.split("\n").map((line) => {
      const [kilobytes = "", path = ""] = line.split("\t");
      return [path, Number(kilobytes)] as const;
    }),
  );
  const reports = found.map(({ ticket, path, isApart }): WorktreeReport => {
    const kilobytes = sizes.get(path) ?? 0;
    if (isApart) return { ticket, kilobytes, kept: cleanLine(`of another session, kept apart: ${path}`, 300) };
    const record = records.get(ticket);
    const needed = record?.phase === "ended" ? "its ticket may go on" : "its session runs";
    const kept = record?.removable ? (record.details.attention ?? "it is not merged") : needed;
    return { ticket, kilobytes, kept: cleanLine(record ? kept : "no session of this runner has made it", 300) };
  });
  return reports.sort((a, b) => b.kilobytes - a.kilobytes).slice(0, MAX_REPORTED);
}
