import { type Ms, SECOND } from "../../shared/time.ts";
import type { DesiredSession, ExchangeAnswer } from "./messages.ts";
import { applyInputs, type TicketRecord } from "./ticket-record.ts";

/** Delay before a session that has ended is started again: 2 s. */
const RESTART_DELAY_MS: Ms = 2 * SECOND;

interface ReconcileOptions {
  answer: ExchangeAnswer;
  records: Map<string, TicketRecord>;
  now: Ms;
  start: (desired: DesiredSession, previous: TicketRecord | undefined) => TicketRecord;
}

/** Brings the sessions to the desired state, as a runner does: it stops, starts, types and removes. */
export function reconcile({ answer, records, now, start }: ReconcileOptions) {
  const handled = new Set<string>();
  for (const { ticket, run, how, reason } of answer.stop) {
    const record = records.get(ticket);
    if (!record || record.run > run) continue;
    if (record.session.state === "ended") {
      record.isAcknowledged ||= record.isReported;
      continue;
    }
    record.session.stop(how, reason);
    handled.add(ticket);
  }
  for (const desired of answer.sessions) {
    const { ticket, run } = desired;
    const record = records.get(ticket);
    if (handled.has(ticket) || (record && record.run > run)) continue;
    if (!record || canStart(record, run, now)) records.set(ticket, start(desired, record));
    else if (record.run < run) record.session.stop("kindly", `run ${run} was approved`);
    else if (record.session.state !== "ended") applyInputs(record, desired);
    handled.add(ticket);
  }
  for (const { ticket, run, force } of answer.remove) {
    const record = records.get(ticket);
    if (!record || record.run > run || record.session.state !== "ended" || handled.has(ticket)) continue;
    const reason = force ? undefined : record.worktree.findReasonToKeep();
    if (reason === undefined) records.delete(ticket);
    else record.attention = `The worktree was not removed: ${reason}.`;
  }
}

/** Groundcrew knows the end of an earlier session and wants another. */
function canStart({ run: lastRun, session, isReported, endedAt = 0 }: TicketRecord, run: number, now: Ms): boolean {
  if (session.state !== "ended") return false;
  return lastRun < run || (isReported && now >= endedAt + RESTART_DELAY_MS);
}
