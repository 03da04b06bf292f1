import { existsSync } from "node:fs";
import { getErrorMessage } from "../../shared/errors.ts";
import { pickEnvironment } from "./passed-environment.ts";
import { runHook } from "./run-hook.ts";
import type { RunnerContext } from "./runner-context.ts";
import type { SessionRecord } from "./session-record.ts";

/**
 * Removes an ended session: its worktree, its merged branch and its files. Without `force` a worktree with changes or
 * unmerged commits is kept, and the session's `attention` says why.
 */
export async function removeSession(context: RunnerContext, record: SessionRecord, force: boolean): Promise<void> {
  const { worktrees, records, gitStates, settings, env, log } = context;
  const { ticket, repository, branch, main } = record;
  const path = worktrees.getPath(ticket);
  const worktree = { repository, path, branch, main };
  if (repository !== "" && existsSync(path)) {
    const reason = force ? undefined : await worktrees.findReasonToKeep(worktree, ticket);
    if (reason !== undefined) {
      const attention = `The worktree was not removed: ${reason}.`;
      if (record.details.attention !== attention)
        records.save({ ...record, details: { ...record.details, attention } });
      return;
    }
    const { before_remove: command } = settings.hooks;
    if (command !== undefined)
      await runHook("before_remove", command, record, pickEnvironment(env, "hook")).catch((thrown: unknown) =>
        log.warn("hook failed", { ticket, reason: getErrorMessage(thrown) }),
      );
    await worktrees.remove(worktree, ticket);
  }
  gitStates.forget(ticket);
  records.remove(ticket);
  log.info("worktree removed", { ticket });
}
