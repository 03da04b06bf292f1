import { z } from "zod";
import { taskKeySchema } from "../../shared/task-key.ts";
import { exchangeRequestSchema } from "../../shared/tickets/exchange.ts";

const observedShape = exchangeRequestSchema.shape.sessions.element.shape;

/** What is reported of a session besides its identity and state. It stays as it is once the session has ended. */
export const sessionDetailsSchema = z.object({
  last_output_at: observedShape.last_output_at,
  attention: observedShape.attention,
  screen: observedShape.screen,
  commits: observedShape.commits,
  diff: observedShape.diff,
  conflicts: observedShape.conflicts,
  dirty: observedShape.dirty,
  cost_usd: observedShape.cost_usd,
  tokens: observedShape.tokens,
  completion: observedShape.completion,
  interruption: observedShape.interruption,
});
export type SessionDetails = z.infer<typeof sessionDetailsSchema>;

/** What is reported before anything is known. */
export const NO_DETAILS: SessionDetails = { screen: "", commits: [], dirty: false };

/**
 * What the runner remembers of a ticket's last run, one file for each ticket. tmux knows what is alive; the record knows
 * what was begun, so that nothing begins twice, and how it ended.
 *
 * `preparing`: worktree and files are made. `launching`: tmux is asked for a session; it has run if its launch file is
 * gone. `launched`: tmux had it. `ended`: it has ended and `exit` says how.
 */
export const sessionRecordSchema = z.object({
  ticket: taskKeySchema,
  run: z.int().min(1),
  session_id: z.uuid(),
  project: z.string(),
  /** Repository, worktree and the branch that the ticket's branch began at and is compared with. */
  repository: z.string(),
  worktree: z.string(),
  branch: z.string(),
  main: z.string(),
  phase: z.enum(["preparing", "launching", "launched", "ended"]),
  started_at: z.iso.datetime(),
  /** Launches of this run. */
  attempts: z.int().min(0),
  /** Hooks of the settings that have succeeded in this run. */
  hooks: z.array(z.string()),
  /** Ids of inputs that reached earlier launches of this run. */
  applied: observedShape.applied,
  exit: observedShape.exit,
  ended_at: z.iso.datetime().exactOptional(),
  /** Groundcrew has received the end. */
  is_reported: z.boolean(),
  /** Groundcrew has answered that it needs no more reports of this end. */
  is_acknowledged: z.boolean(),
  details: sessionDetailsSchema,
});
export type SessionRecord = z.infer<typeof sessionRecordSchema>;
