import { cleanLine } from "../../shared/clean-text.ts";
import type { Git } from "./git.ts";
import type { SessionDetails, SessionRecord } from "./session-record.ts";

export type GitState = Pick<SessionDetails, "commits" | "diff" | "conflicts" | "dirty">;
type BranchState = Omit<GitState, "dirty">;

/** Limit of commits and of files with conflicts: 50, as the wire format has it. */
const MAX_LISTED = 50;

export type GitStateReader = ReturnType<typeof createGitStateReader>;

/** Reads what a session has done to its branch. What only depends on commits is read again when one was added. */
export function createGitStateReader(git: Git) {
  const cache = new Map<string, { key: string; state: BranchState }>();

  async function readBranch({ repository, branch, main }: SessionRecord): Promise<BranchState> {
    const range = `${main}..${branch}`;
    const [log, diff, merge] = await Promise.all([
      git.call(repository, ["log", "-z", "--format=%H%x09%s", `--max-count=${MAX_LISTED}`, range, "--"]),
      git.call(repository, ["diff", "--shortstat", "--no-ext-diff", "--no-textconv", `${main}...${branch}`, "--"]),
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
    async read(record: SessionRecord): Promise<GitState> {
      const { ticket, repository, worktree, branch, main } = record;
      const [heads, status] = await Promise.all([
        git.call(repository, ["rev-parse", `refs/heads/${branch}^{commit}`, `${main}^{commit}`, "--"]),
        git.call(worktree, ["status", "--porcelain", "--ignore-submodules=all"]),
      ]);
      const dirty = status.status === 0 && status.stdout !== "";
      if (heads.status !== 0) return { commits: [], dirty };
      const key = heads.stdout;
      const cached = cache.get(ticket);
      const state = cached?.key === key ? cached.state : await readBranch(record);
      cache.set(ticket, { key, state });
      return { ...state, dirty };
    },
    forget: (ticket: string) => cache.delete(ticket),
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
