import type { ExchangeAnswer } from "../../shared/tickets/exchange.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import type { SessionRecord } from "./session-record.ts";
import type { Pane } from "./tmux.ts";

export type DesiredSession = ExchangeAnswer["sessions"][number];

/** One step from what there is to what should be. At most one for each ticket, besides an acknowledgement. */
export type RunnerAction = TicketAction | { kind: "end_orphan"; name: string };

type TicketAction =
  | { kind: "start"; ticket: string; desired: DesiredSession }
  | { kind: "adopt"; ticket: string; desired: DesiredSession }
  | { kind: "send"; ticket: string; desired: DesiredSession }
  | { kind: "stop"; ticket: string; how: "kindly" | "now"; reason: string }
  | { kind: "acknowledge"; ticket: string }
  | { kind: "remove"; ticket: string; force: boolean };

interface PlanInput {
  answer: ExchangeAnswer;
  records: readonly SessionRecord[];
  panes: readonly Pane[];
  /** Prefix of the names of sessions. */
  prefix: string;
  now: Ms;
}

/**
 * Delay before a session is started again: 2 s after its end. Groundcrew decides when, 10 s and more after each failure;
 * this only keeps a program that ends at once from being started all the time.
 */
const RESTART_DELAY_MS: Ms = 2 * SECOND;

/** Plans what brings the sessions to the desired state. */
export function planActions({ answer, records, panes, prefix, now }: PlanInput): RunnerAction[] {
  const recordOf = new Map(records.map((record) => [record.ticket, record]));
  const paneOf = new Map(panes.map((pane) => [pane.name, pane]));
  const planned = new Map<string, RunnerAction>();
  const acknowledged: RunnerAction[] = [];
  const add = (action: TicketAction) => {
    if (!planned.has(action.ticket)) planned.set(action.ticket, action);
  };

  for (const { ticket, run, how, reason } of answer.stop) {
    const record = recordOf.get(ticket);
    if (!record || record.run > run) continue;
    if (record.phase !== "ended") add({ kind: "stop", ticket, how, reason });
    else if (record.is_reported && !record.is_acknowledged) acknowledged.push({ kind: "acknowledge", ticket });
  }
  for (const desired of answer.sessions) {
    const action = planSession(desired, recordOf.get(desired.ticket), paneOf.get(prefix + desired.ticket), now);
    if (action) add(action);
  }
  for (const { ticket, run, force } of answer.remove) {
    const record = recordOf.get(ticket);
    if (record && record.run <= run && record.phase === "ended") add({ kind: "remove", ticket, force });
  }
  const wanted = new Set([...answer.sessions, ...answer.stop].map(({ ticket }) => ticket));
  for (const { ticket, phase } of records) {
    if (phase !== "ended" && !wanted.has(ticket))
      add({ kind: "stop", ticket, how: "kindly", reason: "Groundcrew does not know this session" });
  }
  const orphans = panes.filter(({ name }) => {
    const ticket = name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
    const phase = recordOf.get(ticket ?? "")?.phase ?? "ended";
    return ticket !== undefined && phase === "ended" && !planned.has(ticket);
  });
  return [...acknowledged, ...planned.values(), ...orphans.map(({ name }) => ({ kind: "end_orphan" as const, name }))];
}

function planSession(
  desired: DesiredSession,
  record: SessionRecord | undefined,
  pane: Pane | undefined,
  now: Ms,
): TicketAction | undefined {
  const { ticket, run } = desired;
  if (!record && pane) {
    const isOurs = pane.run === run && pane.sessionId === desired.session_id;
    return isOurs ? { kind: "adopt", ticket, desired } : undefined;
  }
  // The name is taken until what is left of an earlier session has been ended.
  if (record?.phase === "ended" && pane) return undefined;
  if (!record || (record.run < run && record.phase === "ended")) return { kind: "start", ticket, desired };
  if (record.run < run) return { kind: "stop", ticket, how: "kindly", reason: `run ${run} was approved` };
  if (record.run > run) return undefined;
  if (record.phase === "launched") return { kind: "send", ticket, desired };
  if (record.phase !== "ended") return { kind: "start", ticket, desired };
  const isDue = now >= Date.parse(record.ended_at ?? record.started_at) + RESTART_DELAY_MS;
  // Groundcrew knows the end and still wants the session, so it wants it again.
  return record.is_reported && isDue ? { kind: "start", ticket, desired } : undefined;
}
