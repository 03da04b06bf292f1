import type { ErrorCode } from "../errors.ts";
import type { Ms } from "../time.ts";
import type { ExchangeRequest } from "./exchange.ts";
import type { SessionInput, Ticket, TicketItem, TicketQuestion, TicketVersion, UpdateStep } from "./ticket.ts";

/** Facts of an observed session that may change its ticket. */
export type SessionFacts = Pick<
  ExchangeRequest["sessions"][number],
  "run" | "state" | "started_at" | "exit" | "attention" | "applied" | "interruption"
>;

/** A decision that answers a question: it is refused when the question is not open any more. */
interface WhileOpen {
  question?: string;
}

/** What happens to a ticket. `at` is store time, `by` a name for people. */
export type TicketEvent =
  | { kind: "requested"; at: Ms; key: string; item: TicketItem; version: TicketVersion }
  | { kind: "approved"; at: Ms; by: string; hash: string; sessionId: string; token: string }
  | { kind: "rejected"; at: Ms; by: string; text: string }
  /** The ticket was read again at its approval. */
  | { kind: "reread"; at: Ms; version: TicketVersion; isClosed: boolean }
  | { kind: "placed"; at: Ms; runner: string }
  | { kind: "observed"; at: Ms; runner: string; session: SessionFacts; minutes: number }
  | { kind: "asked"; at: Ms; question: TicketQuestion }
  | { kind: "answered"; at: Ms; question: string; text: string; by: string }
  /** The session does not wait for these any more. */
  | { kind: "settled"; at: Ms; questions: readonly string[] }
  /** The request that waited for an answer takes it; refused when it was typed into the terminal meanwhile. `question`: of the request. */
  | { kind: "fetched"; at: Ms; question: string }
  /** The request that waited for an answer has ended without one. */
  | { kind: "released"; at: Ms; question: string }
  | { kind: "noticed"; at: Ms; attention: string | undefined }
  | { kind: "typed"; at: Ms; input: SessionInput }
  | ({
      kind: "completed";
      at: Ms;
      summary: string;
      source: NonNullable<Ticket["completion"]>["source"];
      by: string;
    } & WhileOpen)
  /** `inQueue`: the queue writes the update; `isRetry`: its job does so again. */
  | { kind: "update_requested"; at: Ms; by: string; summary?: string; inQueue?: true; isRetry?: true }
  | { kind: "update_step"; at: Ms; step: UpdateStep; done: boolean; comment?: string; problem?: string }
  | { kind: "closed_in_plane"; at: Ms; text: string }
  | ({ kind: "cancelled"; at: Ms; by: string } & WhileOpen)
  | { kind: "time_over"; at: Ms }
  | ({ kind: "extended"; at: Ms; minutes: number; by: string } & WhileOpen)
  | { kind: "removal_requested"; at: Ms; by: string; force: boolean };

/**
 * The next record, or why the event is refused. Without `step` nothing is reported, and the same record is no change.
 * `startUpdate`: Plane is updated by the caller, or by the queue.
 */
export type TicketOutcome =
  | { ticket: Ticket; step?: { by?: string }; startUpdate?: "by_caller" | "by_queue" }
  | { refused: ErrorCode; message: string };

export function refuse(refused: ErrorCode, message: string): TicketOutcome {
  return { refused, message };
}

/** Refuses a decision whose question is not open any more; undefined when it is, or when the decision names none. */
export function refuseClosedQuestion({ questions }: Ticket, { question }: WhileOpen): TicketOutcome | undefined {
  const isOpen = question === undefined || questions.some(({ id, answer }) => id === question && !answer);
  return isOpen ? undefined : refuse("conflict", "This question is closed: somebody has decided already.");
}

/** Removes what belongs to one run only, for the next one. */
export function clearRun(ticket: Ticket): Ticket {
  const {
    startedAt: _startedAt,
    deadline: _deadline,
    retryAt: _retryAt,
    endedStart: _endedStart,
    attention: _attention,
    interruption: _interruption,
    completion: _completion,
    update: _update,
    removal: _removal,
    endedAt: _endedAt,
    answers: _answers,
    closedBy: _closedBy,
    ...rest
  } = ticket;
  return { ...rest, wanted: false, started: false, failures: 0, questions: [], inputs: [] };
}

/**
 * Ends the run: nothing is wanted any more, and a cause that arrived meanwhile becomes pending. The result stays until
 * the next approval.
 */
export function endRun(ticket: Ticket, at: Ms): Ticket {
  const { retryAt: _retryAt, attention: _attention, next, ...rest } = ticket;
  const ended: Ticket = { ...rest, wanted: false, questions: [], inputs: [], endedAt: at };
  return next ? { ...ended, state: "pending", shown: next, requestedAt: at } : ended;
}
