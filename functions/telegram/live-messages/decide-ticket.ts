import { GroundcrewError } from "../../../shared/errors.ts";
import { approveTicket } from "../../../shared/tickets/approve-ticket.ts";
import { changeTicket } from "../../../shared/tickets/change-ticket.ts";
import type { Ticket } from "../../../shared/tickets/ticket.ts";
import type { TicketEvent } from "../../../shared/tickets/ticket-event.ts";
import type { OpenDecision } from "../../../shared/tickets/ticket-wait.ts";
import type { CommandContext } from "../commands/command.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { findWaitOutcome } from "./find-wait-outcome.ts";
import type { TicketWaitEvent } from "./live-message.ts";
import { renderUpdateProgress } from "./render-ticket-result.ts";

/**
 * Takes a person's decision about a ticket; false when somebody else has decided, or the ticket has changed. `action`:
 * `ok` and `no` judge the ticket, `allow`, `deny`, `option<n>` and `resume` answer the session, `more` extends its time,
 * `cancel` gives the ticket up, and `write` answers with `text`, or approves the update of Plane, which the queue then writes.
 */
export async function decideTicket(
  context: CommandContext,
  { key }: Ticket,
  decision: OpenDecision,
  action: string,
  text = "",
): Promise<boolean> {
  const { deps, from, correlation } = context;
  const { hash } = decision;
  try {
    if (action === "ok" && hash !== undefined) await approveTicket(deps, key, { by: from.name, hash }, correlation);
    else {
      const event = createDecisionEvent(context, decision, action, text, await deps.store.now());
      if (!event) return false;
      await changeTicket(deps, key, event, correlation);
    }
  } catch (thrown) {
    if (!(thrown instanceof GroundcrewError) || thrown.code !== "conflict") throw thrown;
    deps.log.info("ticket not decided", { correlation, ticket: key, action, error: thrown.message });
    return false;
  }
  deps.kick();
  return true;
}

/** Returns undefined for an action that this decision does not offer. */
function createDecisionEvent(
  { deps, from }: CommandContext,
  { wait, question }: OpenDecision,
  action: string,
  text: string,
  at: number,
): TicketEvent | undefined {
  const by = from.name;
  if (wait.kind === "approval") return action === "no" ? { kind: "rejected", at, by, text } : undefined;
  if (wait.kind === "result")
    return action === "write" ? { kind: "update_requested", at, by, inQueue: true } : undefined;
  if (!question) return undefined;
  const { id } = question;
  if (action === "cancel") return { kind: "cancelled", at, by, question: id };
  if (action === "more")
    return { kind: "extended", at, by, minutes: deps.settings.tickets?.minutes ?? 30, question: id };
  const option = /^option(\d)$/.exec(action)?.[1];
  const answer = option === undefined ? ANSWERS[action] : question.options?.[Number(option)];
  const written = action === "write" ? text : answer;
  return written === undefined ? undefined : { kind: "answered", at, question: id, text: written, by };
}

/** The answers of buttons. */
const ANSWERS: Partial<Record<string, string>> = { allow: "allow", deny: "deny", resume: "resume" };

/** What a press or a reply has come to, in a sentence. */
export function renderDecision(
  { presentation }: CommandContext,
  event: TicketWaitEvent,
  ticket: Ticket | undefined,
): string {
  const { texts } = presentation;
  const { outcomes } = texts.live.ticket;
  const outcome = findWaitOutcome(event, ticket, texts);
  if (outcome) return outcome.detail ? `${outcome.line.text}${texts.colon}${outcome.detail}` : outcome.line.text;
  const [progress] = ticket ? renderUpdateProgress(event, ticket, presentation) : [];
  if (progress) return progress.text;
  const isChanged = event.wait.kind === "approval";
  return isChanged ? fillTemplate(outcomes.changed, { key: event.ticket }).text : texts.live.toast.over;
}
