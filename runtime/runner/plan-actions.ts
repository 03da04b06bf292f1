/** Decides what the runner does: the sessions that are wanted and those that exist give a list of actions. Pure. */

import type { ExchangeAnswer } from "../../shared/tickets/exchange.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import type { SessionRecord } from "./session-folder.ts";
import type { Pane } from "./tmux.ts";

export type DesiredSession = ExchangeAnswer["sessions"][number];

/** One step from what there is to what should be. At most one for each ticket, besides an acknowledgement, a test run and a publication. */
export type RunnerAction = { ticket: string } & (
  | { kind: "start" | "adopt" | "send"; desired: DesiredSession }
  | { kind: "stop"; how: "kindly" | "now"; reason: string }
  | { kind: "acknowledge" | "end_orphan" }
  | { kind: "remove"; force: boolean }
  | { kind: "test"; id: string }
  | { kind: "publish"; wish: ExchangeAnswer["publish"][number] }
);

interface PlanInput {
  answer: ExchangeAnswer;
  records: readonly SessionRecord[];
  panes: readonly Pane[];
  now: Ms;
}

/**
 * Delay before a session is started again: 2 s after its end. Groundcrew decides when, 10 s and more after each
 * failure; this only keeps a program that ends at once from being started all the time.
 */
const RESTART_DELAY_MS: Ms = 2 * SECOND;

/** Plans what brings the sessions to the desired state. */
export function planActions({ answer, records, panes, now }: PlanInput): RunnerAction[] {
  const recordOf = new Map(records.map((record) => [record.ticket, record]));
  const paneOf = new Map(panes.map((pane) => [pane.ticket, pane]));
  const wanted = new Set(answer.sessions.map(({ ticket }) => ticket));
  const planned = new Map<string, RunnerAction>();
  const besides: RunnerAction[] = [];
  const add = (action: RunnerAction) => {
    if (!planned.has(action.ticket)) planned.set(action.ticket, action);
  };

  for (const { ticket, run, how, reason } of answer.stop) {
    const record = recordOf.get(ticket);
    if (!record || record.run > run) continue;
    if (record.phase !== "ended") add({ kind: "stop", ticket, how, reason });
    else if (record.is_reported && !record.is_acknowledged) besides.push({ kind: "acknowledge", ticket });
  }
  for (const desired of answer.sessions) {
    const action = planSession(desired, recordOf.get(desired.ticket), paneOf.get(desired.ticket), now);
    if (action) add(action);
  }
  for (const { ticket, run, id } of answer.test) {
    const record = recordOf.get(ticket);
    if (record?.run === run && record.tests?.id !== id) besides.push({ kind: "test", ticket, id });
  }
  for (const wish of answer.publish) {
    const { ticket, run, id } = wish;
    const record = recordOf.get(ticket);
    // What a session still writes would not be published.
    if (record?.run === run && record.phase === "ended" && record.publication?.id !== id)
      besides.push({ kind: "publish", ticket, wish });
  }
  for (const { ticket, run, force } of answer.remove) {
    const record = recordOf.get(ticket);
    if (record && record.run <= run && record.phase === "ended") add({ kind: "remove", ticket, force });
  }
  // What is left of an ended session, or has the name of one that is wanted. Others go on, like unknown sessions.
  for (const { ticket } of panes) {
    const record = recordOf.get(ticket);
    if (record ? record.phase === "ended" : wanted.has(ticket)) add({ kind: "end_orphan", ticket });
  }
  return [...besides, ...planned.values()];
}

function planSession(
  desired: DesiredSession,
  record: SessionRecord | undefined,
  pane: Pane | undefined,
  now: Ms,
): RunnerAction | undefined {
  const { ticket, run } = desired;
  if (!record && pane) {
    const isOurs = pane.run === run && pane.sessionId === desired.session_id;
    return isOurs ? { kind: "adopt", ticket, desired } : undefined;
  }
  // The name is taken until what is left of an earlier session has been ended.
  if (record?.phase === "ended" && pane) return undefined;
  if (!record || (record.run < run && record.phase === "ended")) return { kind: "start", ticket, desired };
  if (record.run < run) return { kind: "stop", ticket, how: "kindly", reason: `run ${run} was approved` };
  // A store that was lost counts runs anew.
  const isOver = record.phase === "ended" && record.is_acknowledged;
  if (isOver && record.session_id !== desired.session_id) return { kind: "start", ticket, desired };
  if (record.run > run) return undefined;
  if (record.phase !== "ended" && record.round !== desired.round)
    return { kind: "stop", ticket, how: "kindly", reason: `round ${desired.round} was asked for` };
  if (record.phase === "launched") return { kind: "send", ticket, desired };
  if (record.phase !== "ended") return { kind: "start", ticket, desired };
  const isDue = now >= Date.parse(record.ended_at ?? record.started_at) + RESTART_DELAY_MS;
  // Groundcrew knows the end and still wants the session, so it wants it again.
  return record.is_reported && isDue ? { kind: "start", ticket, desired } : undefined;
}

/** The tickets of running sessions that an answer does not name. They go on: Groundcrew may have lost its store. */
export function findUnknown({ answer, records }: Pick<PlanInput, "answer" | "records">): string[] {
  const known = new Set([...answer.sessions, ...answer.stop].map(({ ticket }) => ticket));
  return records.flatMap(({ ticket, phase }) => (phase === "ended" || known.has(ticket) ? [] : [ticket]));
}
