import type { Ms } from "../../shared/time.ts";
import { readInput } from "./keyboard.ts";
import type { DesiredSession, SessionReport } from "./messages.ts";
import type { RunProgress } from "./run-progress.ts";
import type { SessionHooks } from "./session-hooks.ts";
import type { FindSessionScript } from "./session-script.ts";
import { createSimulatedSession, type SimulatedSession } from "./simulated-session.ts";
import { createSimulatedWorktree, type SimulatedWorktree } from "./worktree.ts";

/** What a runner remembers of a ticket: its worktree and its last session. */
export interface TicketRecord {
  ticket: string;
  run: number;
  round: number;
  sessionId: string;
  worktree: SimulatedWorktree;
  progress: RunProgress;
  session: SimulatedSession;
  /** Ids of the inputs that reached a session of this run. */
  applied: string[];
  endedAt?: Ms;
  /** Groundcrew has received the end, and needs no more reports of it. */
  isReported: boolean;
  isAcknowledged: boolean;
  /** Why the worktree was not removed. */
  attention?: string;
}

interface StartOptions {
  desired: DesiredSession;
  previous: TicketRecord | undefined;
  hasRepository: boolean;
  findScript: FindSessionScript;
  hooks: SessionHooks;
  clock: () => Ms;
}

/** Starts the session of a run, or starts it again where its script was left. */
export function startTicketSession(options: StartOptions): TicketRecord {
  const { desired, previous, hasRepository, findScript, hooks, clock } = options;
  const { ticket, run, round } = desired;
  const script = findScript({ key: ticket, file: desired.ticket_file });
  const sameRun = previous?.run === run ? previous : undefined;
  const worktree = previous?.worktree ?? createSimulatedWorktree(ticket);
  // A result that was sent back is worked on again.
  const isSameRound = sameRun?.round === round;
  const usage = sameRun?.progress.usage;
  const progress = isSameRound ? sameRun.progress : { steps: [...script.steps], ...(usage ? { usage } : {}) };
  const session = createSimulatedSession({ script, progress, worktree, hooks, clock });
  const record: TicketRecord = {
    ...{ ticket, run, round, sessionId: desired.session_id, worktree, progress, session },
    ...{ applied: sameRun?.applied ?? [], isReported: false, isAcknowledged: false },
  };
  const failure = hasRepository ? script.startFailure : `This runner has no repository for ${desired.project}.`;
  if (failure !== undefined) session.failStart(failure);
  return record;
}

/** Types what has not reached the session yet, in order and once. */
export function applyInputs({ session, applied }: TicketRecord, { inputs }: DesiredSession) {
  for (const input of inputs) {
    if (applied.includes(input.id)) continue;
    applied.push(input.id);
    applied.splice(0, applied.length - 200);
    for (const action of readInput(input)) session.type(action);
  }
}

/** What is reported of a ticket's session. */
export function reportTicketSession(record: TicketRecord, prefix: string): SessionReport {
  const { ticket, run, round, sessionId, worktree, progress, session, applied, attention } = record;
  const { usage, completion } = progress;
  return {
    ...{ ticket, run, round, session_id: sessionId, name: prefix + ticket },
    ...worktree.getState(),
    ...session.getReport(),
    ...(attention === undefined ? {} : { attention }),
    ...(usage ? { cost_usd: usage.usd, tokens: { input: usage.input, output: usage.output } } : {}),
    ...(completion ? { completion } : {}),
    applied: [...applied],
  };
}
