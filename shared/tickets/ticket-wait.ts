import { sha256Hex } from "../hashing/sha256-hex.ts";
import type { WorkEvent } from "../task/events.ts";
import type { Ticket, TicketQuestion } from "./ticket.ts";

/**
 * Something about a ticket that reaches people once. `id` tells it from others of its kind: it is of the request, the
 * question or the run.
 */
export type TicketWait = NonNullable<Extract<WorkEvent, { kind: "ticket" }>["wait"]>;

/** Finds what a person must know after a change of a ticket; undefined for a change that only informs. */
export function findNewWait(before: Ticket | undefined, after: Ticket): TicketWait | undefined {
  const run = String(after.run);
  const isNewState = before?.state !== after.state;
  const asked = after.questions.find(({ id }) => !before?.questions.some((earlier) => earlier.id === id));
  if (asked) return { kind: "question", id: asked.id };
  if (after.state === "pending" && (isNewState || before?.shown.hash !== after.shown.hash))
    return { kind: "approval", id: toRequestId(after) };
  if (isNewState && (after.state === "completed" || after.state === "failed"))
    return { kind: after.state === "failed" ? "failed" : "result", id: run };
  if (after.attention !== undefined && after.attention !== before?.attention) return { kind: "attention", id: run };
  if (hasFailedStep(after) && !hasFailedStep(before)) return { kind: "update", id: run };
  return undefined;
}

/** Identifies the request of a ticket that is pending: later texts belong to the same one until somebody decides. */
export function toRequestId({ run, requestedAt }: Pick<Ticket, "run" | "requestedAt">): string {
  return `${run}:${requestedAt}`;
}

/** Whether a step of the update of Plane has failed. */
export function hasFailedStep(ticket: Pick<Ticket, "update"> | undefined): boolean {
  return ticket?.update?.comment === "failed" || ticket?.update?.state === "failed";
}

/** A decision that a ticket waits for now. */
export interface OpenDecision {
  wait: TicketWait;
  /** The question; of `question` only. */
  question?: TicketQuestion;
  /** The text that an approval is bound to; of `approval` only. */
  hash?: string;
}

/** Lists the decisions that a ticket waits for now. */
export function listOpenDecisions(ticket: Ticket): OpenDecision[] {
  const { state, questions, run, shown } = ticket;
  const decisions: OpenDecision[] = questions
    .filter(({ answer }) => answer === undefined)
    .map((question) => ({ wait: { kind: "question", id: question.id }, question }));
  if (state === "pending") decisions.push({ wait: { kind: "approval", id: toRequestId(ticket) }, hash: shown.hash });
  if (state === "completed" || state === "updating") decisions.push({ wait: { kind: "result", id: String(run) } });
  return decisions;
}

/** Twelve characters that bind the press of a button to one decision, and an approval to the text that was shown. */
export async function hashDecision({ wait, hash = "" }: Pick<OpenDecision, "wait" | "hash">): Promise<string> {
  return (await sha256Hex(JSON.stringify([wait.kind, wait.id, hash]))).slice(0, 12);
}
