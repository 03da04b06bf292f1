/**
 * Answers to the requests of a ticket from where people see the ticket instead of the request: the orchestrator's routes,
 * and comments on the work item in Plane.
 */

import type { TaskDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { findScheduleCommand } from "../i18n/parse-schedule.ts";
import { getTexts } from "../i18n/texts.ts";
import { linkToPage } from "../markdown/plain-text.ts";
import { findPerson } from "../people/directory.ts";
import type { Task } from "../records/plane-records.ts";
import { formatSessionName } from "../records/task-records.ts";
import { decideRequest, readTaskRequests } from "../requests/requests.ts";
import { isOption, readWords } from "../requests/words.ts";
import { refreshPeople } from "../sync/read-people.ts";
import { isRequestOpen, type RequestDecision, type RequestKindName, type RequestRecord } from "../task/request.ts";
import { createCallContext, SYSTEM_CALLER } from "../tasks/call-context.ts";
import { markRemarksRead } from "../tasks/card-record.ts";
import { getRequestTime } from "../tasks/people/questions.ts";
import { postComment } from "../tasks/post-comment.ts";
import { isStopWord, listUnread, readRemarks } from "../tasks/remark-record.ts";
import { readPersonComments } from "./read-content.ts";
import { findTicket, getTicket, ignoreConflict } from "./stored-tickets.ts";
import { isApproving, type Ticket } from "./ticket.ts";

type Answer = Omit<RequestDecision, "hash"> & { hash?: string | undefined };

/**
 * Answers what a ticket itself waits for, by the name of the answer; without a hash as it is now. Throws `not_found`
 * without a ticket, and `conflict` when it does not wait for this, or has changed.
 */
export async function decideTicket(
  deps: TaskDeps,
  key: string,
  kind: Extract<RequestKindName, "ticket" | "result">,
  answer: Answer,
  correlation: string,
): Promise<Ticket> {
  const { item } = await getTicket(deps, key);
  // Tickets for tests may share a work item.
  const asked = (await readTaskRequests(deps, item.id, kind)).findLast(
    ({ value: { subject, answers } }) => subject.key === key && answers.includes(answer.answer),
  );
  return decideTicketRequest(deps, key, asked?.value, answer, correlation);
}

/** Answers this request of a ticket; throws as `decideTicket` does. */
export async function decideTicketRequest(
  deps: TaskDeps,
  key: string,
  request: RequestRecord | undefined,
  { hash = request?.hash ?? "", ...answer }: Answer,
  correlation: string,
): Promise<Ticket> {
  const decided = request && (await decideRequest(deps, request.id, { ...answer, hash }, correlation));
  const ticket = await getTicket(deps, key);
  if (decided?.outcome === "decided") return ticket;
  const why =
    decided?.outcome === "changed"
      ? `asks for something else than was shown. Read it again and answer ${decided.request.hash}.`
      : `is ${ticket.state}: it does not wait for ${answer.answer}.`;
  throw new GroundcrewError("conflict", `${key} ${why}`, { refusal: { name: "ticketNotPossible" } });
}

/**
 * Takes a comment in Plane as the answer to the one request of the work item's ticket that its words answer, where its
 * author may decide. A comment that could answer several answers none, and one approves nothing, because Plane does not
 * show all that is judged: a comment says so. True when the comment is no wish for a ticket of its own.
 */
export async function answerByComment(deps: TaskDeps, task: Task, id: string, correlation: string): Promise<boolean> {
  const requests = (await readTaskRequests(deps, task.id)).map(({ value }) => value);
  if (requests.some(({ verdict }) => verdict?.posted === id)) return true;
  const ticket = await findTicket(deps, task.key);
  const isOfTicket = ({ kind, session }: RequestRecord) => session || kind === "ticket" || kind === "result";
  const open = requests.filter((request) => isRequestOpen(request) && isOfTicket(request));
  if (!ticket || open.length === 0) return false;
  const comment = (await readPersonComments(deps, task)).find((one) => one.id === id);
  if (!comment?.author || findScheduleCommand(comment.text) !== undefined) return false;
  const { text, at, author } = comment;
  const answers = open.flatMap((request) => {
    const isMeant = getRequestTime(request) < at && (!isStopWord(text) || isOption(request, text));
    const words = isMeant ? readWords(request, text) : undefined;
    return words ? [{ request, words }] : [];
  });
  const [first, ...others] = answers;
  if (!first) return false;
  // A verdict needs the role that its author has now.
  await refreshPeople(deps);
  const person = await findPerson(deps, { id: author });
  if (!person?.role || person.role === "guest") return false;
  const { request, words } = first;
  if (others.length > 0 || isApproving(words.answer)) {
    const { publicUrl, locale } = deps.settings;
    const { several, unseen } = getTexts(locale).comments.refused;
    const html = `<p>${linkToPage(publicUrl, "/inbox", others.length > 0 ? several : unseen)}</p>`;
    await postComment(createCallContext(deps, SYSTEM_CALLER, correlation), task, `refused:${id}`, html);
    // What people write before the approval belongs to the text that is approved.
    return ticket.state !== "pending";
  }
  const decision = { ...words, hash: request.hash, by: person.name, where: "plane", posted: id } as const;
  const decided = await decideRequest(deps, request.id, decision, correlation).catch(ignoreConflict);
  if (decided?.outcome !== "decided") return false;
  // The session has the words as the answer.
  const session = formatSessionName(deps.settings, task.key);
  const remarks = listUnread(await readRemarks(deps, task.id), session).filter((remark) => remark.id === id);
  await markRemarksRead(deps, task.id, remarks, correlation);
  deps.notify();
  return true;
}
