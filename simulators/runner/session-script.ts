import type { Ms } from "../../shared/time.ts";

/** One step of a session. Steps follow each other without a pause unless they name one. */
export type SessionStep =
  /** Output, with ANSI colours if wanted: one line each `ms`, by default 200 ms. */
  | { do: "print"; text: string; ms?: Ms }
  | { do: "wait"; ms: Ms }
  /** What the model has cost since the last such step. */
  | { do: "spend"; usd: number; input: number; output: number }
  /** Changes in the worktree without a commit. */
  | { do: "edit" }
  | { do: "commit"; subject: string; files: number; insertions: number; deletions: number }
  /** The branch was merged into the main branch. */
  | { do: "merge" }
  /** A tool that needs a permission; the steps of the decision follow. */
  | {
      do: "ask_permission";
      tool: string;
      input: Record<string, unknown>;
      allowed?: readonly SessionStep[];
      denied?: readonly SessionStep[];
    }
  /** The end of a turn with a question; what is typed next continues the script. */
  | { do: "ask_person"; text: string }
  /** `/complete <summary>` typed in the session. */
  | { do: "complete"; summary: string }
  /** The completion file is written, which the runner reports. */
  | { do: "write_completion_file"; summary: string }
  | { do: "exit"; status: number }
  /** `kill -9` of the session's process. */
  | { do: "crash" };

/** What a session does. A session that is started again continues behind the step at which it ended. */
export interface SessionScript {
  /** Time from the start of the terminal to the first step. Default: 500 ms. */
  startMs?: Ms;
  /** The start fails with this reason. */
  startFailure?: string;
  /** A dialog that waits for a key before the session begins. */
  startDialog?: string;
  steps: readonly SessionStep[];
}

/** Returns the script of a ticket by its key and its file, Markdown that people wrote. */
export type FindSessionScript = (ticket: { key: string; file: string }) => SessionScript;
