import type { SessionReport } from "./messages.ts";
import type { SessionStep } from "./session-script.ts";
import type { SimulatedWorktree } from "./worktree.ts";

/** What the sessions of one run share: the steps that are left, and what the run has cost and completed. */
export interface RunProgress {
  steps: SessionStep[];
  usage?: { usd: number; input: number; output: number };
  completion?: NonNullable<SessionReport["completion"]>;
}

type WorkStep = Extract<SessionStep, { do: "spend" | "edit" | "commit" | "merge" | "write_completion_file" }>;

/** Records a step that shows nothing in the terminal. */
export function recordWork(step: WorkStep, progress: RunProgress, worktree: SimulatedWorktree) {
  switch (step.do) {
    case "spend": {
      const { usd, input, output } = progress.usage ?? { usd: 0, input: 0, output: 0 };
      progress.usage = { usd: usd + step.usd, input: input + step.input, output: output + step.output };
      return;
    }
    case "edit":
      return worktree.edit();
    case "commit":
      return worktree.commit(step);
    case "merge":
      return worktree.merge();
    case "write_completion_file":
      progress.completion = { summary: step.summary, source: "file" };
  }
}
