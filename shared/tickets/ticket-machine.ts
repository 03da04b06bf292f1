/**
 * The state machine of tickets, pure: an event and a ticket give the changed ticket or a refusal. Here are requests,
 * people's decisions, and the result with its update of Plane; session-machine.ts has what happens in a session.
 */

import { changeFields, omitUndefined } from "../omit-undefined.ts";
import { cleanLine } from "../text.ts";
import type { Ms } from "../time.ts";
import type { ExchangeAnswer, Publication } from "./exchange.ts";
import { createSessionRequest } from "./questions.ts";
import { SESSION_TRANSITIONS, waitAfterEnd } from "./session-machine.ts";
import {
  type At,
  asksAboutChecks,
  type ByPerson,
  closeRequests,
  endRun,
  isActive,
  isChecking,
  isFinal,
  listOpen,
  refuse,
  refuseState,
  reportStep,
  type Ticket,
  type TicketCli,
  type TicketCompletion,
  type TicketItem,
  type TicketOutcome,
  type TicketVersion,
  type UpdateStep,
} from "./ticket.ts";

/** Number of causes that are remembered for each ticket: 50, more than one work item has within a day. */
const MAX_CAUSES = 50;

const NO_TICKET = "There is no such ticket. GET /api/pending-tickets lists the pending ones.";

/** Limit of the title of a pull request in UTF-16 units. */
const MAX_TITLE_LENGTH = 200;

/** What each event does to a ticket that exists; `by` is a name for people. */
const TRANSITIONS = {
  ...SESSION_TRANSITIONS,
  approved: approve,
  rejected: reject,
  sent_back: sendBack,
  reread: compareContent,
  cancelled: cancel,
  closed_in_plane: (ticket: Ticket, { at, text }: At<{ text: string }>) => close(ticket, at, text),
  removal_requested: requestRemoval,
  completed: complete,
  check_requested: requestCheck,
  check_failed: failCheck,
  update_requested: requestUpdate,
  update_step: recordUpdateStep,
  published: applyPublication,
  checks_left: leaveChecks,
};

/** What happens to a ticket, by its kind. */
type EventFields = {
  [Kind in keyof typeof TRANSITIONS]: Omit<Parameters<(typeof TRANSITIONS)[Kind]>[1], "at">;
} & { requested: RequestedFields; limit_over: { limit: "time" } | { limit: "budget"; spent: number } };

export type TicketEventKind = keyof EventFields;

/** An event that is yet to be applied: its time is that of its commit. */
export type NewTicketEvent<Kind extends TicketEventKind = TicketEventKind> = {
  [K in Kind]: { kind: K } & EventFields[K];
}[Kind];

/** An event at its store time. */
export type TicketEvent<Kind extends TicketEventKind = TicketEventKind> = At<NewTicketEvent<Kind>>;

/**
 * Applies an event to a ticket: the whole state machine, a pure function. Nothing runs without an approval of the
 * present content, at most one run is active, a completion is recorded once, and each step of the update succeeds at
 * most once. An event that changes nothing returns the ticket itself; one that is not possible is refused.
 */
export function applyTicketEvent(ticket: Ticket | undefined, event: TicketEvent): TicketOutcome {
  if (event.kind === "requested") return applyRequest(ticket, event);
  if (!ticket) return refuse("not_found", NO_TICKET, "ticketGone");
  return applyTransition(ticket, event);
}

function applyTransition<Kind extends keyof typeof TRANSITIONS>(ticket: Ticket, event: TicketEvent<Kind>) {
  const apply = TRANSITIONS[event.kind] as (ticket: Ticket, event: TicketEvent<Kind>) => TicketOutcome;
  return apply(ticket, event);
}

type RequestedFields = { key: string; item: TicketItem; version: TicketVersion };

/** A cause requests a ticket once. During a run it is kept for afterwards; the newest one counts. */
function applyRequest(previous: Ticket | undefined, { at, key, item, version }: At<RequestedFields>): TicketOutcome {
  const { cause, content } = version;
  if (previous?.causes.includes(cause.id)) return { ticket: previous };
  const causes = [...(previous?.causes ?? []), cause.id].slice(-MAX_CAUSES);
  const request = { item, reason: `requested_${cause.trigger}`, detail: content.title, shown: version, causes };
  const base = { key, run: 0, round: 1, wanted: false, started: false, failures: 0, questions: [], inputs: [] };
  const opened = { ...request, state: "pending", requestedAt: at } as const;
  if (!previous) return reportStep({ ...base, ...opened }, {}, cause.by);
  // A work item that requests a ticket is open, whatever an earlier update did.
  const ticket = changeFields(previous, { closedByUpdate: undefined });
  if (isFinal(ticket.state)) return reportStep(ticket, opened, cause.by);
  return reportStep(ticket, ticket.state === "pending" ? request : { next: version, causes }, cause.by);
}

type Approval = ByPerson & { hash: string; sessionId: string; token: string; plansFirst: boolean; cli: TicketCli };

/** An approval is bound to the hash of what was shown. Repeating it while its run is active changes nothing. */
function approve(ticket: Ticket, event: At<Approval>): TicketOutcome {
  const { at, by, hash, sessionId, token, plansFirst, cli } = event;
  const { key, state, shown, approval } = ticket;
  if (isActive(ticket) && approval?.hash === hash) return { ticket };
  if (state !== "pending") return refuseState(ticket, "only a pending ticket can be approved.");
  if (shown.hash !== hash)
    return refuse("conflict", `${key} has changed since it was shown. Read it again and approve ${shown.hash}.`);
  const run = {
    run: ticket.run + 1,
    approval: { by, at, hash, sessionId, token, cli: shown.content.cli ?? cli },
    wanted: true,
  };
  const step = { state: "approved", reason: "approved", detail: "", publication: undefined } as const;
  return reportStep(clearRun(ticket), { ...step, ...run, plan: plansFirst ? "open" : undefined }, by);
}

/** Removes what belongs to one run only, for the next one. */
function clearRun(ticket: Ticket): Ticket {
  return changeFields(ticket, {
    ...{ started: false, startedAt: undefined, deadline: undefined, failures: 0, retryAt: undefined },
    ...{ endedStart: undefined, attention: undefined, interruption: undefined, inputs: [] },
    ...{ completion: undefined, update: undefined, removal: undefined, endedAt: undefined },
    ...{ closedBy: undefined, check: undefined, changed: undefined, round: 1, sentBack: undefined },
    redSince: undefined,
  });
}

/** A result that is sent back begins a further round of the same run: its session goes on with its conversation. */
function sendBack(ticket: Ticket, { at, by, text }: At<{ text: string } & ByPerson>): TicketOutcome {
  const { key, run, round, state, sentBack, approval, changed } = ticket;
  if (isActive(ticket) && sentBack?.text === text && sentBack.by === by) return { ticket };
  if (state !== "completed" && !asksAboutChecks(ticket))
    return refuseState(ticket, "only a result that waits for its update, or has red checks, can be sent back.");
  if (text.trim() === "") return refuse("bad_request", "Say what the session should do about its result.");
  const next = { ...clearRun(ticket), started: true, round: round + 1, sentBack: { text, by, at } };
  // Who sends it back has seen with the result what was changed in Plane, so the session may read it.
  if (changed && approval) Object.assign(next, { shown: changed, approval: { ...approval, hash: changed.hash } });
  const input = { id: `${key}.${run}.r${round + 1}`, kind: "paste", text } as const;
  const step = { state: "approved", reason: "sent_back", detail: text } as const;
  return reportStep(next, { ...step, wanted: true, inputs: [input] }, by);
}

function reject(ticket: Ticket, { at, by, text }: At<{ text: string } & ByPerson>): TicketOutcome {
  if (ticket.state === "rejected") return { ticket };
  if (ticket.state !== "pending") return refuseState(ticket, "only a pending ticket can be rejected.");
  return endRun(ticket, at, { state: "rejected", reason: "rejected", detail: text, closedBy: by }, by);
}

/** The content that was read at the approval: a changed one is pending again, a closed ticket is cancelled. */
function compareContent(ticket: Ticket, event: At<{ version: TicketVersion; isClosed: boolean }>): TicketOutcome {
  const { at, version, isClosed } = event;
  if (ticket.state !== "pending") return { ticket };
  if (isClosed) return close(ticket, at, "");
  if (version.hash === ticket.shown.hash) return { ticket };
  return reportStep(ticket, { shown: version, reason: "changed", detail: version.content.title });
}

/** A result that waits for its update stays: a person may still want it in Plane. What else was asked for does not. */
function close(ticket: Ticket, at: Ms, text: string): TicketOutcome {
  const rest = changeFields(ticket, { next: undefined, closedBy: undefined });
  if (ticket.state === "completed" && ticket.next) return { ticket: rest };
  if (ticket.state !== "pending" && !isActive(ticket)) return { ticket };
  return endRun(rest, at, { state: "cancelled", reason: "closed_in_plane", detail: text });
}

function cancel(ticket: Ticket, { at, by }: At<ByPerson>): TicketOutcome {
  if (ticket.state === "cancelled") return { ticket };
  // A result that cannot be written, such as that of a removed work item, can be given up.
  if (isFinal(ticket.state) || (ticket.state === "updating" && ticket.update?.problem === undefined))
    return refuse("conflict", `${ticket.key} is ${ticket.state} and can no longer be cancelled.`);
  const changes = { state: "cancelled", reason: "cancelled", detail: "", closedBy: by } as const;
  return endRun(ticket, at, { ...changes, ...removeUnused(ticket, at) }, by);
}

/** A worktree that nobody needs any more may be removed, unless it has changes or commits that are nowhere else. */
function removeUnused({ run }: Ticket, at: Ms): Pick<Ticket, "removal"> {
  return run > 0 ? { removal: { force: false, at } } : {};
}

function requestRemoval(ticket: Ticket, { at, by, force }: At<{ by: string; force: boolean }>): TicketOutcome {
  if (ticket.wanted || ticket.state === "updating") return refuseState(ticket, "its worktree is in use.");
  if (ticket.run === 0) return refuse("conflict", `${ticket.key} has never run and has no worktree.`);
  return reportStep(ticket, { removal: { force, at }, reason: "removal_requested", detail: "" }, by);
}

/** The first completion of a run counts. The session is not wanted any more. */
function complete(ticket: Ticket, event: At<TicketCompletion>): TicketOutcome {
  const { at, summary, source, by, changed } = event;
  if (ticket.completion) return { ticket };
  requireCompletable(ticket, event);
  const result = { state: "completed", reason: `completed_${source}`, detail: "", check: undefined } as const;
  const questions = closeRequests(ticket.questions, at);
  const over = { wanted: false, questions, inputs: [], attention: undefined, retryAt: undefined };
  return reportStep(ticket, { ...result, ...over, changed, completion: { summary, source, at } }, by);
}

function requireCompletable(ticket: Ticket, { source, summary }: TicketCompletion): void {
  if (!isActive(ticket)) refuseState(ticket, "no session runs.");
  if (ticket.plan === "open" && source !== "person")
    refuse("conflict", `The plan of ${ticket.key} has not been approved yet. Call ExitPlanMode with it.`);
  requireSummary(summary);
}

function requireSummary(summary: string): void {
  if (summary.trim() === "") refuse("bad_request", "The summary is empty. Say what was done.");
}

/** The ticket is completed when the tests pass, which the runner runs; the first completion counts here, too. */
function requestCheck(ticket: Ticket, event: At<{ id: string } & TicketCompletion>): TicketOutcome {
  const { id, summary, source, by } = event;
  if (ticket.completion || isChecking(ticket)) return { ticket };
  requireCompletable(ticket, event);
  return reportStep(ticket, { check: { id, summary, source, by }, reason: "check_requested", detail: summary }, by);
}

/** The ticket is as it was before, and a person learns what is missing. */
function failCheck(ticket: Ticket, { at, id, text }: At<{ id: string; text: string }>): TicketOutcome {
  const { check } = ticket;
  if (check?.id !== id || !isChecking(ticket)) return { ticket };
  const failed = { ...ticket, check: { ...check, problem: text } };
  const isAsked = listOpen(ticket).length > 0;
  if (!ticket.wanted && !isAsked) return waitAfterEnd(failed, at, "check_failed", text);
  const failure = { attention: text, reason: "check_failed", detail: text };
  if (check.source !== "person" || isAsked) return reportStep(failed, failure);
  const asked = { id: `${ticket.key}.${ticket.run}.f${at.toString(36)}`, text };
  const question = createSessionRequest(ticket, at, { waits: "input" }, asked);
  return reportStep(failed, { ...failure, state: "waiting", questions: [...ticket.questions, question] });
}

/** `inQueue`: the queue writes the update. `publishes`: the runner publishes the result first. */
type UpdateRequest = At<{ summary?: string; inQueue?: true; publishes: boolean } & ByPerson>;

/** Approves the update, with the summary that the comment will contain. A repeat tries only failed steps again. */
function requestUpdate(ticket: Ticket, event: UpdateRequest): TicketOutcome {
  const { at, by, inQueue } = event;
  const { state, completion, update } = ticket;
  const startUpdate = inQueue ? "by_queue" : "by_caller";
  if (update && update.step === undefined) return { ticket };
  if (state === "updating" && update) {
    if (update.problem === undefined) return { ticket };
    const retried = changeFields(update, { problem: undefined, retries: update.retries + 1 });
    return { ticket: { ...ticket, update: retried }, startUpdate };
  }
  if (state !== "completed" || !completion)
    return refuseState(ticket, "only a completed ticket can be written to Plane.");
  const { summary = completion.summary } = event;
  requireSummary(summary);
  const approved = { state: "updating", reason: "update_approved", detail: "" } as const;
  const open = { update: { by, at, step: event.publishes ? "publish" : "comment", retries: 0 } } as const;
  return { ...reportStep(ticket, { ...approved, ...open, completion: { ...completion, summary } }, by), startUpdate };
}

/** Nothing is done about red checks. */
function leaveChecks(ticket: Ticket, { by }: At<ByPerson>): TicketOutcome {
  if (!asksAboutChecks(ticket)) return refuseState(ticket, "it has no red checks.");
  return reportStep(ticket, { redSince: undefined, reason: "checks_left", detail: ticket.publication?.url ?? "" }, by);
}

/**
 * Records a step that was written, or failed with `problem`. Without the comment the state is not changed: a closed
 * task whose result nobody sees is worse than an open one.
 */
function recordUpdateStep(ticket: Ticket, event: At<{ step: UpdateStep; problem?: string }>): TicketOutcome {
  const { at, step, problem } = event;
  if (ticket.state !== "updating" || ticket.update?.step !== step) return { ticket };
  const next = ({ publish: "comment", comment: "state", state: undefined } as const)[step];
  const update = changeFields(ticket.update, problem === undefined ? { step: next, problem } : { problem });
  if (problem !== undefined) return reportStep(ticket, { update, reason: `failed_${step}`, detail: problem });
  if (next) return { ticket: { ...ticket, update } };
  // All is written, and the clean worktree may be removed.
  const finished = { state: "done", reason: "updated", detail: "", update } as const;
  return endRun(ticket, at, { ...finished, ...removeUnused(ticket, at), closedByUpdate: true });
}

/** What the runner is to publish now; undefined when it is nothing. Each try has an id of its own. */
export function findPublicationWish(ticket: Ticket): ExchangeAnswer["publish"][number] | undefined {
  const { key, run, state, update, shown, item, completion } = ticket;
  if (state !== "updating" || update?.step !== "publish" || update.problem !== undefined) return undefined;
  return {
    ...{ ticket: key, run, id: `${update.at.toString(36)}.${update.retries}` },
    title: cleanLine(`${key}: ${shown.content.title}`, MAX_TITLE_LENGTH),
    // It begins with the link: some commands read a value that begins with an @ as the name of a file.
    body: `[${key}](${item.url})\n\n${completion?.summary ?? ""}`,
  };
}

/**
 * What the runner has published, or has found of it at its server: the end of a wish, which is a step of the update, or
 * a change there. What is the same changes nothing.
 */
function applyPublication(ticket: Ticket, { at, publication }: At<{ publication: Publication }>): TicketOutcome {
  const known = ticket.publication;
  if (JSON.stringify(known) === JSON.stringify(publication)) return { ticket };
  const { state = "pushed", url = "", checks, problem } = publication;
  const isRed = publication.state === "open" && checks?.state === "failed";
  const next = changeFields(ticket, { publication, redSince: isRed ? (ticket.redSince ?? at) : undefined });
  if (findPublicationWish(ticket)?.id === publication.id) {
    const outcome = recordUpdateStep(next, { at, step: "publish", ...omitUndefined({ problem }) });
    return problem === undefined ? { ...outcome, startUpdate: "by_queue" } : outcome;
  }
  if (known?.state !== state) return reportStep(next, { reason: `pull_${state}`, detail: url });
  const is = checks?.state ?? "none";
  if (known.checks?.state === is) return { ticket: next };
  return reportStep(next, { reason: `checks_${is}`, detail: checks?.failed.join(", ") || url });
}
