import { existsSync, lstatSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { createOrderedRunner } from "../../shared/run-in-order.ts";
import { SECOND } from "../../shared/time.ts";
import { wait } from "../../shared/wait.ts";
import type { Git } from "./git.ts";
import { makePrivateFolder } from "./session-folder.ts";

export interface Worktree {
  repository: string;
  path: string;
  branch: string;
  /** The branch that the ticket's branch began at, for example `origin/main`. */
  main: string;
}

interface WorktreeEntry {
  path: string;
  branch: string | undefined;
  isUnfinished: boolean;
}

/** The branch of a ticket follows from its key alone, never from a title. */
export function getTicketBranch(ticket: string): string {
  return `groundcrew/${ticket.toLowerCase()}`;
}

export type Worktrees = ReturnType<typeof createWorktrees>;

/** The worktrees of all tickets, `<root>/worktrees/<KEY>`. */
export function createWorktrees(root: string, git: Git) {
  makePrivateFolder(join(root, "worktrees"));
  const folder = realpathSync(join(root, "worktrees"));
  const orders = new Map<string, ReturnType<typeof createOrderedRunner>>();

  /**
   * Runs a change of a repository's worktrees and branches after the earlier ones: git reads and locks files of all
   * worktrees of a repository, and fails when it meets one that another command creates or removes at the same time.
   */
  function runInOrder<T>(repository: string, change: () => Promise<T>): Promise<T> {
    // One that does not exist is refused by git, with its reason.
    const key = existsSync(repository) ? realpathSync(repository) : repository;
    const run = orders.get(key) ?? createOrderedRunner();
    orders.set(key, run);
    return run(change);
  }

  /** The ticket's key is parsed before, so it contains no separators. Throws when a link or file is in the place. */
  function getPath(ticket: string): string {
    const path = join(folder, ticket);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (realpathSync(folder) !== folder || (stats && !stats.isDirectory()))
      throw new Error(`${path} is not a folder but a link or a file. Remove it.`);
    return path;
  }

  async function findEntry(repository: string, path: string): Promise<WorktreeEntry | undefined> {
    const output = await git.read(repository, ["worktree", "list", "--porcelain", "-z"]);
    return output
      .split("\0\0")
      .map(parseEntry)
      .find((entry) => entry.path === path);
  }

  /** Removes what an interrupted `git worktree add` has left; one that is still running gets time to end. */
  async function removeUnfinished(repository: string, path: string) {
    await wait(2 * SECOND);
    const entry = await findEntry(repository, path);
    if (entry?.isUnfinished) await git.read(repository, ["worktree", "remove", "--force", "--force", path]);
  }

  async function findMain(repository: string): Promise<string> {
    for (const ref of ["refs/remotes/origin/HEAD", "HEAD"]) {
      const { status, stdout } = await git.call(repository, ["symbolic-ref", "-q", "--short", ref]);
      if (status === 0) return stdout.trim();
    }
    return git.read(repository, ["rev-parse", "--verify", "HEAD"]);
  }

  async function create(repository: string, ticket: string): Promise<Worktree & { isNew: boolean }> {
    const path = getPath(ticket);
    const branch = getTicketBranch(ticket);
    await git.read(repository, ["check-ref-format", "--branch", branch]);
    const main = await findMain(repository);
    await git.read(repository, ["worktree", "prune"]);
    if ((await findEntry(repository, path))?.isUnfinished) await removeUnfinished(repository, path);
    const entry = await findEntry(repository, path);
    if (entry) return { repository, path, branch, main, isNew: false };
    const exists =
      (await git.call(repository, ["show-ref", "--verify", "--quiet", `refs/heads/${branch}`])).status === 0;
    const source = exists ? [path, branch] : ["--no-track", "-b", branch, path, main];
    await git.read(repository, ["worktree", "add", ...source]);
    return { repository, path, branch, main, isNew: true };
  }

  async function remove({ repository, branch, main }: Worktree, path: string): Promise<void> {
    if (await findEntry(repository, path)) await git.read(repository, ["worktree", "remove", "--force", path]);
    if (await isMerged(repository, branch, main)) await git.call(repository, ["branch", "-D", "--", branch]);
  }

  return {
    getPath,
    /** Creates the worktree and branch of a ticket; one that exists is used again. Throws when git refuses. */
    prepare: (repository: string, ticket: string) => runInOrder(repository, () => create(repository, ticket)),
    /** Says why a worktree must be kept: changes that are not committed, or commits that are not merged. */
    async findReasonToKeep({ repository, branch, main }: Worktree, ticket: string): Promise<string | undefined> {
      const path = getPath(ticket);
      if ((await git.read(path, ["status", "--porcelain", "--ignore-submodules=all"])) !== "")
        return "it has changes that are not committed";
      return (await isMerged(repository, branch, main)) ? undefined : `its branch is not merged into ${main}`;
    },
    /** Removes a worktree with everything in it, and its branch when that is merged. */
    async remove(worktree: Worktree, ticket: string): Promise<void> {
      const path = getPath(ticket);
      return runInOrder(worktree.repository, () => remove(worktree, path));
    },
  };

  async function isMerged(repository: string, branch: string, main: string): Promise<boolean> {
    const { status } = await git.call(repository, ["merge-base", "--is-ancestor", `refs/heads/${branch}`, main]);
    return status === 0;
  }
}

function parseEntry(text: string): WorktreeEntry {
  const lines = text.split("\0");
  const getValue = (name: string) => lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
  return {
    path: getValue("worktree") ?? "",
    branch: getValue("branch"),
    isUnfinished: getValue("locked") === "initializing",
  };
}
