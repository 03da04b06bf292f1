/**
 * Git for sessions: a worktree and a branch per ticket, and what the session has committed there. A boxed session has a
 * clone in place of a linked worktree.
 */

import { existsSync, lstatSync, readdirSync, realpathSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { getErrorMessage } from "../../shared/errors.ts";
import { taskKeySchema } from "../../shared/names.ts";
import { cleanLine } from "../../shared/text.ts";
import { MAX_LISTED } from "../../shared/tickets/exchange.ts";
import { createOrderedRunner, SECOND, wait } from "../../shared/time.ts";
import { makePrivateFolder } from "../node/files.ts";
import { describeFailure } from "../node/programs.ts";
import type { Clones } from "./clones.ts";
import type { Git, WorktreePlace } from "./git.ts";
import { getTicketBranch, type SessionDetails, type SessionRecord } from "./session-folder.ts";

/** A ticket's worktree; `main` is the branch that its branch began at, for example `origin/main`. */
type Worktree = Pick<SessionRecord, "repository" | "worktree" | "branch" | "main">;

/** What is to be removed. The place of the worktree follows from the ticket. */
type OldWorktree = Omit<Worktree, "worktree"> & Pick<SessionRecord, "publication"> & { ticket: string };

/** How a worktree is made. */
interface Preparation {
  /** It becomes a clone; one that is a clone stays so. */
  isBoxed?: boolean;
  /** Name of the branch at which a new branch begins. */
  base: string | undefined;
}

/** Lists the files of a worktree that have changes which are not committed. */
const STATUS = ["status", "--porcelain", "--ignore-submodules=all"];

/** Shows differences without a program that the repository names for them. */
const DIFF = ["diff", "--no-ext-diff", "--no-textconv"];

/** `problem`: why new commits of a clone are not fetched. */
type GitState = Pick<SessionDetails, "commits" | "diff" | "conflicts" | "dirty"> & { problem?: string };

type BranchState = Omit<GitState, "dirty" | "problem">;

/** The worktrees of all tickets, `<root>/worktrees/<KEY>`. */
export function createWorktrees(root: string, git: Git, clones: Clones) {
  makePrivateFolder(join(root, "worktrees"));
  const folder = realpathSync(join(root, "worktrees"));
  const orders = new Map<string, ReturnType<typeof createOrderedRunner>>();
  /** What only depends on commits is read again when one was added. */
  const states = new Map<string, { key: string; state: BranchState }>();

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

  /** Runs a command about the files of a worktree or a clone. Never rejects. */
  const call = (place: WorktreePlace, args: readonly string[]) =>
    clones.isClone(place.worktree)
      ? clones.call(place, args)
      : git.call(place.repository, args, { worktree: place.worktree });

  const hasBranch = async (repository: string, ref: string) =>
    (await git.call(repository, ["show-ref", "--verify", "--quiet", ref])).status === 0;

  async function findEntry(repository: string, path: string) {
    const output = await git.read(repository, ["worktree", "list", "--porcelain", "-z"]);
    const entries = output.split("\0\0").map(parseEntry);
    return entries.find((entry) => entry.path === path);
  }

  /** Removes what an interrupted `git worktree add` has left; one that is still running gets time to end. */
  async function removeUnfinished(repository: string, path: string) {
    await wait(2 * SECOND);
    const entry = await findEntry(repository, path);
    if (!entry?.isUnfinished) return;
    await git.read(repository, ["worktree", "unlock", path]);
    await removeFolder(repository, path);
  }

  /** Removes a worktree. `git worktree remove` would refuse one whose link the session has changed. */
  async function removeFolder(repository: string, path: string) {
    await rm(path, { recursive: true, force: true });
    await git.read(repository, ["worktree", "prune"]);
  }

  /** The branch at which those of tickets begin: the named one, the remote's, or the present one. */
  async function findMain(repository: string, base?: string): Promise<string> {
    if (base !== undefined) {
      if (await hasBranch(repository, `refs/remotes/origin/${base}`)) return `origin/${base}`;
      if (await hasBranch(repository, `refs/heads/${base}`)) return base;
      throw new Error(`there is no branch ${base} in ${repository}, which base names`);
    }
    for (const ref of ["refs/remotes/origin/HEAD", "HEAD"]) {
      const { status, stdout } = await git.call(repository, ["symbolic-ref", "-q", "--short", ref]);
      if (status === 0) return stdout.trim();
    }
    return git.read(repository, ["rev-parse", "--verify", "HEAD"]);
  }

  /** That branch and its newest commit. Throws where there is none with a commit. */
  async function findBase(repository: string, base?: string): Promise<{ main: string; commit: string }> {
    const main = await findMain(repository, base);
    return { main, commit: await git.read(repository, ["rev-parse", "--verify", "--quiet", `${main}^{commit}`]) };
  }

  async function create(repository: string, ticket: string, { isBoxed, base }: Preparation) {
    const worktree = getPath(ticket);
    const branch = getTicketBranch(ticket);
    await git.read(repository, ["check-ref-format", "--branch", branch]);
    await git.read(repository, ["worktree", "prune"]);
    if ((await findEntry(repository, worktree))?.isUnfinished) await removeUnfinished(repository, worktree);
    const isLinked = (await findEntry(repository, worktree)) !== undefined;
    const isClone = existsSync(worktree) && clones.isClone(worktree);
    const isNew = !isLinked && !isClone;
    const main = await findMain(repository, base);
    const isOld = await hasBranch(repository, `refs/heads/${branch}`);
    if (isClone || isBoxed) {
      if (isLinked && !isClone) await git.restoreLink({ repository, worktree });
      if (!isOld && !isClone) await git.read(repository, ["branch", "--no-track", branch, main]);
      await clones.prepare({ repository, worktree, branch, ticket });
      return { repository, worktree, branch, main, isNew };
    }
    if (isNew) {
      const source = isOld ? [worktree, branch] : ["--no-track", "-b", branch, worktree, main];
      await git.read(repository, ["worktree", "add", ...source]);
    }
    // Git links a new worktree to the view that the runner gives it of the repository; a session can forge the link.
    await git.restoreLink({ repository, worktree });
    return { repository, worktree, branch, main, isNew };
  }

  async function keepApart(repository: string, ticket: string, sessionId: string, base?: string) {
    const [worktree, branch, mark] = [getPath(ticket), getTicketBranch(ticket), sessionId.slice(0, 8)];
    const old = { repository, ticket, branch, main: await findMain(repository, base) };
    const [path, name] = [`${worktree}.${mark}`, `${branch}.${mark}`];
    // Each step is skipped where it was done before an interruption.
    const isClone = clones.isClone(worktree);
    if (existsSync(worktree) && (isClone || (await findEntry(repository, worktree)))) {
      if (!isClone) await git.restoreLink({ repository, worktree });
      if ((await findReasonToKeep(old)) === undefined) return void (await remove(old, worktree));
      if (isClone) await clones.move({ repository, worktree }, path);
      else await git.read(repository, ["worktree", "move", worktree, path]);
    }
    const isRenamed = await hasBranch(repository, `refs/heads/${branch}`);
    if (isRenamed) await git.read(repository, ["branch", "-m", branch, name]);
    const isMoved = existsSync(path);
    return isMoved || isRenamed ? `the branch ${name}${isMoved ? ` with the worktree ${path}` : ""}` : undefined;
  }

  /** Says why a worktree must be kept: changes that are not committed, or commits that are not merged. */
  async function findReasonToKeep(old: OldWorktree): Promise<string | undefined> {
    const { repository, main, ticket, branch } = old;
    const place = { repository, worktree: getPath(ticket), branch, ticket };
    const status = await call(place, STATUS);
    if (status.status !== 0) throw new Error(describeFailure("git status", status));
    if (status.stdout !== "") return "it has changes that are not committed";
    if (clones.isClone(place.worktree)) {
      await clones.bringBack(place);
      if (await clones.hasUnsaved(place)) return "it has commits that are on no branch of its repository";
    }
    return (await isMerged(old)) ? undefined : `its branch is not merged into ${main}`;
  }

  async function remove(old: OldWorktree, path: string): Promise<void> {
    const { repository, branch, ticket } = old;
    const isClone = clones.isClone(path);
    if (isClone) {
      await rm(path, { recursive: true, force: true });
      await clones.forget({ repository, worktree: path, ticket });
    }
    const entry = isClone ? undefined : await findEntry(repository, path);
    if (entry?.isLocked) throw new Error(`The worktree ${path} is locked: use \`git worktree unlock\`.`);
    if (entry) await removeFolder(repository, path);
    if (await isMerged(old)) await git.call(repository, ["branch", "-D", "--", branch]);
  }

  /** Fetches the branch of a clone into its repository. Throws when that is not possible. */
  const bringBack = (record: SessionRecord) => runInOrder(record.repository, () => clones.bringBack(record));

  async function readBranch({ repository, branch, main }: SessionRecord): Promise<BranchState> {
    const range = `${main}..${branch}`;
    const [log, diff, merge] = await Promise.all([
      git.call(repository, ["log", "-z", "--format=%H%x09%s", `--max-count=${MAX_LISTED}`, range, "--"]),
      git.call(repository, [...DIFF, "--shortstat", `${main}...${branch}`, "--"]),
      git.call(repository, ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", main, branch]),
    ]);
    // Exit code 1 means conflicts; anything else means that git could not tell.
    const conflicts = merge.status === 1 ? merge.stdout.split("\0").slice(1).filter(Boolean) : [];
    return {
      commits: log.stdout.split("\0").flatMap(parseCommit),
      diff: parseShortStat(diff.stdout),
      conflicts: conflicts.slice(0, MAX_LISTED).map((name) => cleanLine(name, 500)),
    };
  }

  return {
    getPath,
    findBase,
    /** Creates the worktree and branch of a ticket; one that exists is used again. Throws when git refuses. */
    prepare: (repository: string, ticket: string, preparation: Preparation) =>
      runInOrder(repository, () => create(repository, ticket, preparation)),
    runInOrder,
    bringBack,
    findReasonToKeep,
    /**
     * Keeps the worktree and the branch that another session of a ticket has left from the next one, under names of
     * their own; returns these, or undefined when nothing was left that would be lost.
     */
    keepApart: (repository: string, ticket: string, sessionId: string, base?: string) =>
      runInOrder(repository, () => keepApart(repository, ticket, sessionId, base)),
    /** Lists the worktrees of tickets, also those that are kept apart. */
    list: (): { ticket: string; path: string; isApart: boolean }[] =>
      readdirSync(folder).flatMap((name) => {
        const [ticket = "", ...rest] = name.split(".");
        const isTicket = taskKeySchema.safeParse(ticket).success;
        return isTicket ? [{ ticket, path: join(folder, name), isApart: rest.length > 0 }] : [];
      }),
    /** Reads what a branch and its worktree have changed, as a patch; without new files that were not added. */
    async readDifference({ repository, worktree, main }: Worktree): Promise<string> {
      // A clone has names of its own.
      const base = await git.read(repository, ["rev-parse", "--verify", `${main}^{commit}`]);
      const { stdout } = await call({ repository, worktree }, [...DIFF, "--merge-base", base, "--"]);
      return stdout;
    },
    /** Reads what the commits of a branch have changed since it began. */
    async readBranchDifference({ repository, branch, main }: Omit<OldWorktree, "ticket">): Promise<string> {
      const range = `${main}...${branch}`;
      return `${await git.read(repository, ["-c", "core.quotePath=false", ...DIFF, range, "--"])}\n`;
    },
    /** Reads what a session has done to its branch and its files. */
    async readState(record: SessionRecord): Promise<GitState> {
      const { ticket, repository, worktree, branch, main } = record;
      const fetching = clones.isClone(worktree) ? bringBack(record) : Promise.resolve();
      const problem = await fetching.then(
        () => ({}),
        (thrown: unknown) => ({ problem: cleanLine(getErrorMessage(thrown), 500) }),
      );
      const [heads, status] = await Promise.all([
        git.call(repository, ["rev-parse", `refs/heads/${branch}^{commit}`, `${main}^{commit}`, "--"]),
        call({ repository, worktree }, STATUS),
      ]);
      const dirty = status.status === 0 && status.stdout !== "";
      if (heads.status !== 0) return { commits: [], dirty, ...problem };
      const key = heads.stdout;
      const cached = states.get(ticket);
      const state = cached?.key === key ? cached.state : await readBranch(record);
      states.set(ticket, { key, state });
      return { ...state, dirty, ...problem };
    },
    async remove(worktree: OldWorktree): Promise<void> {
      const path = getPath(worktree.ticket);
      states.delete(worktree.ticket);
      return runInOrder(worktree.repository, () => remove(worktree, path));
    },
  };

  /** Whether the base has all of a branch: its commits, or a merged pull request with the newest of them. */
  async function isMerged({ repository, branch, main, publication }: OldWorktree): Promise<boolean> {
    const { status } = await git.call(repository, ["merge-base", "--is-ancestor", `refs/heads/${branch}`, main]);
    if (status === 0 || publication?.state !== "merged") return status === 0;
    const head = await git.call(repository, ["rev-parse", "--verify", "--quiet", `refs/heads/${branch}`]);
    return head.stdout.trim() === publication.commit;
  }
}

export type Worktrees = ReturnType<typeof createWorktrees>;

/** A worktree that a person has locked, or that git has not finished, is left alone. */
function parseEntry(text: string) {
  const lines = text.split("\0");
  const getValue = (name: string) => lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
  return {
    path: getValue("worktree") ?? "",
    isLocked: lines.some((line) => line === "locked" || line.startsWith("locked ")),
    isUnfinished: getValue("locked") === "initializing",
  };
}

function parseCommit(line: string): { id: string; subject: string }[] {
  const [, id, subject = ""] = /^([0-9a-f]{40,64})\t(.*)$/s.exec(line) ?? [];
  return id === undefined ? [] : [{ id, subject: cleanLine(subject, 300) }];
}

/** ` 3 files changed, 10 insertions(+), 2 deletions(-)`, or nothing. */
function parseShortStat(text: string) {
  const getCount = (word: string) => Number(new RegExp(`(\\d+) ${word}`).exec(text)?.[1] ?? 0);
  return { files: getCount("file"), insertions: getCount("insertion"), deletions: getCount("deletion") };
}
