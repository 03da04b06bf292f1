import type { SessionReport } from "./messages.ts";

type GitState = Pick<SessionReport, "branch" | "commits" | "diff" | "conflicts" | "dirty">;

export type SimulatedWorktree = ReturnType<typeof createSimulatedWorktree>;

/** Creates the worktree of a ticket, which its sessions share. */
export function createSimulatedWorktree(ticket: string) {
  const branch = `groundcrew/${ticket.toLowerCase()}`;
  const commits: { id: string; subject: string }[] = [];
  const diff = { files: 0, insertions: 0, deletions: 0 };
  let isDirty = false;
  let isMerged = true;
  return {
    edit() {
      isDirty = true;
    },
    commit({ subject, files, insertions, deletions }: { subject: string } & typeof diff) {
      commits.unshift({ id: createCommitId(`${ticket} ${commits.length} ${subject}`), subject });
      diff.files += files;
      diff.insertions += insertions;
      diff.deletions += deletions;
      isDirty = false;
      isMerged = false;
    },
    merge() {
      isMerged = true;
    },
    getState: (): GitState => ({
      branch,
      commits: commits.slice(0, 50),
      diff: { ...diff },
      conflicts: [],
      dirty: isDirty,
    }),
    /** Why the worktree must not be removed; undefined when it is clean and merged. */
    findReasonToKeep(): string | undefined {
      if (isDirty) return "it has changes that are not committed";
      return isMerged ? undefined : "its branch is not merged into main";
    },
  };
}

/** Creates the id of a commit from its text (FNV-1a with five seeds), 40 hexadecimal digits as of git. */
function createCommitId(text: string): string {
  return [1, 2, 3, 4, 5].map((seed) => hashText(text, seed).toString(16).padStart(8, "0")).join("");
}

function hashText(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return hash >>> 0;
}
