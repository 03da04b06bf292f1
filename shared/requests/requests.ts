/**
 * Requests to people: everything that waits for somebody's answer is one record (`shared/task/request.ts`) in one set.
 *
 * A kind of request is an entry of `REQUEST_KINDS` (functions/requests.ts), an object `RequestKind`
 * (shared/app/deps.ts) in the module of its subject. To ask, that module creates a record with `createRequest` and
 * calls `publishRequest`. People answer with `decideRequest` only, wherever they are; a module whose subject was
 * answered in another way, as by a comment in Plane, adds `prepareDecision` to its own commit. The verdict and what it
 * does are one commit, so that nothing is left to do after an interruption but what jobs and procedures continue.
 * `closeRequest` ends a request that nobody has to answer any more.
 */

import type { RequestKind, TaskDeps } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { GroundcrewError } from "../errors.ts";
import { sha256Hex } from "../hashing.ts";
import type { RefusalName } from "../i18n/en.ts";
import { createWorkJob, type WorkJobBody } from "../jobs/internal-jobs.ts";
import { createLiveRefreshJob } from "../jobs/outgoing-jobs.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { type Person, readPeople } from "../people/directory.ts";
import { observedKeys, workKeys, workSets } from "../records/store-keys.ts";
import type { Job, Put, Revision, Store, StoredValue } from "../store/port.ts";
import { mergeUpdates, readAllRows, updateValue, type ValueUpdate } from "../store/records.ts";
import {
  compareRequests,
  findPart,
  getSubjectId,
  isRequestOpen,
  type NewRequest,
  type RequestClosure,
  type RequestDecision,
  type RequestKindName,
  type RequestPart,
  type RequestRecord,
  type RequestVerdict,
} from "../task/request.ts";
import { type ItemRecord, isOpenItem } from "../task/snapshot.ts";
import { listLiveChats } from "../telegram/chat-settings.ts";
import { cleanLine, cleanText } from "../text.ts";
import { DAY, type Ms } from "../time.ts";

/**
 * What came of a decision, with the request as it is now. `decided`: it counts, also when it was repeated; `closed`:
 * somebody else has answered, or nobody has to; `changed`: what is judged is not what the person was shown.
 */
export interface DecisionResult {
  outcome: "decided" | "closed" | "changed";
  request: RequestRecord;
}

type StoreDeps = { store: Pick<Store, "read" | "scan"> };

type AudienceDeps = { store: Pick<Store, "read">; settings: Pick<Settings, "people" | "agents"> };

/** Retention of a closed request: 30 days, so that every message, late press and reply gets an explanation. */
const CLOSED_MS: Ms = 30 * DAY;

/** Answers to a question that say nothing without a person's own words. */
const ANSWERS_WITH_WORDS = ["answer", "complete"];

/** Limit of the words of a person with an answer, in UTF-16 units: a result is sent back with comments on its lines. */
export const COMMENT_LIMIT = 50_000;

const NAME_LIMIT = 80;

/** Completes a new request, at this store time. */
export async function createRequest(request: NewRequest, now: Ms): Promise<RequestRecord> {
  return { ...request, createdAt: now, reminders: 0, hash: await hashRequest(request) };
}

/** The request with other parts to judge: its hash is another one, and it names what has changed. */
export async function replaceInput(request: RequestRecord, input: RequestPart[]): Promise<RequestRecord> {
  const next = { ...request, input };
  const labels = [...request.input, ...input].map(({ label }) => label);
  const isChanged = (label: string) => findPart(request, label) !== findPart(next, label);
  const changed = [...new Set([...(request.changed ?? []), ...labels.filter(isChanged)])];
  return { ...next, hash: await hashRequest(next), ...(changed.length > 0 ? { changed } : {}) };
}

/** The hash of all that is judged: 32 characters of a SHA-256. */
export async function hashRequest(
  request: Pick<NewRequest, "kind" | "from" | "text" | "input" | "options">,
): Promise<string> {
  const { kind, from, text, input, options } = request;
  return (await sha256Hex(JSON.stringify([kind, from, text, input, options]))).slice(0, 32);
}

/** Finds a request by its id, with its revision. */
export async function findRequest({ store }: Pick<TaskDeps, "store">, id: string) {
  return (await store.read<RequestRecord>([workKeys.request(id)]))[0];
}

/** Reads all open requests, the most urgent first. */
export async function readOpenRequests(deps: StoreDeps, kind?: RequestKindName): Promise<RequestRecord[]> {
  const requests = (await readAllRows<RequestRecord>(deps, workSets.requests)).map(({ value }) => value);
  return requests.filter((request) => kind === undefined || request.kind === kind).sort(compareRequests);
}

/** Reads the requests of a kind about an item, open and closed, oldest first. */
export async function readTaskRequests(
  deps: StoreDeps,
  item: string,
  kind?: RequestKindName,
): Promise<StoredValue<RequestRecord>[]> {
  const rows = await readAllRows<RequestRecord>(deps, workSets.requestsOf(item));
  return rows
    .filter(({ value }) => kind === undefined || value.kind === kind)
    .sort((a, b) => a.value.createdAt - b.value.createdAt);
}

/** Stores a new request and publishes it, in one commit with the job for its next reminder or its deadline. */
export async function publishRequest(deps: TaskDeps, request: RequestRecord, correlation: string): Promise<void> {
  await updateValue<RequestRecord>(deps, workKeys.request(request.id), async (stored) =>
    stored ? undefined : preparePublication(deps, request, correlation),
  );
}

/** Prepares the same for a commit that expects the request at its revision. */
export async function preparePublication(
  deps: TaskDeps,
  value: RequestRecord,
  correlation: string,
  rev: Revision = 0,
): Promise<ValueUpdate> {
  const own = { put: [toRequestPut(value)], jobs: createDueJobs(deps, value, correlation) };
  return mergeUpdates([own, await getKind(deps, value).announce(deps, { value, rev }, correlation)]);
}

/** Prepares the same for a request that no record has yet. */
export async function prepareNewRequest(
  deps: TaskDeps,
  request: RequestRecord,
  correlation: string,
): Promise<ValueUpdate> {
  const update = await preparePublication(deps, request, correlation);
  return mergeUpdates([update, { expect: [[workKeys.request(request.id), 0]] }]);
}

/** Stores a request again that people were asked before the store was lost; what follows is its next reminder. */
export async function restoreRequest(deps: TaskDeps, request: RequestRecord, correlation: string): Promise<void> {
  const jobs = createDueJobs(deps, request, correlation);
  await deps.store.commit({ expect: [[workKeys.request(request.id), 0]], put: [toRequestPut(request)], jobs });
  deps.notify();
}

/** The job for what happens next to a request that nobody answers; none when nothing does. */
function createDueJobs(deps: TaskDeps, request: RequestRecord, correlation: string): Job[] {
  const { id, reminders, createdAt, deadline } = request;
  const delay = getKind(deps, request).getReminders?.(request)[reminders];
  const at = delay === undefined ? deadline : createdAt + delay;
  if (at === undefined) return [];
  const body = { type: "request_due", request: id, after: reminders, correlation } as const;
  return [createWorkJob(`request-due:${id}:${reminders}`, `request-due:${id}`, body, at)];
}

/** Handles the job of an open request that is due: a reminder, or its end at the deadline. */
export async function handleDueRequest(
  deps: TaskDeps,
  { request: id, after, correlation }: Extract<WorkJobBody, { type: "request_due" }>,
): Promise<void> {
  const now = await deps.store.now();
  await updateValue<RequestRecord>(deps, workKeys.request(id), async (request, rev) => {
    // A job that is repeated after its reminder was stored finds a higher number of reminders and does nothing.
    if (!request || !isRequestOpen(request) || request.reminders !== after) return undefined;
    const isExpired = request.deadline !== undefined && request.deadline <= now;
    const why = (await isTaskClosed(deps, request)) ? "task_closed" : isExpired ? "expired" : undefined;
    if (why) return prepareClosure(deps, { value: request, rev }, why, correlation);
    return preparePublication(deps, { ...request, reminders: after + 1 }, correlation, rev);
  });
}

/**
 * Records a person's answer, and does what it says, in one commit. Of two answers at the same moment one counts. Throws
 * `not_found` for an unknown request and `bad_request` for an answer that it does not offer.
 */
export async function decideRequest(
  deps: TaskDeps,
  id: string,
  decision: RequestDecision,
  correlation: string,
): Promise<DecisionResult> {
  const found = (await findRequest(deps, id))?.value;
  if (!found) throw await createUnknownError(deps, id, decision.by, correlation);
  const { reread, apply } = getKind(deps, found);
  // What is refused or sent back need not be the newest.
  if (reread && isRequestOpen(found) && decision.answer === "approve")
    await storeReread(deps, found, await reread(deps, found, correlation), correlation);
  const decide = async (request = found, rev: Revision): Promise<ValueUpdate & { result: DecisionResult }> => {
    throwUnlessOffered(request, decision);
    if (!isRequestOpen(request))
      return { result: { outcome: hasVerdict(request, decision) ? "decided" : "closed", request } };
    if (decision.hash !== request.hash) return { result: { outcome: "changed", request } };
    const decided = await prepareDecision(deps, { value: request, rev }, decision, correlation);
    if (!decided) return { result: { outcome: "closed", request } };
    return { ...decided.update, result: { outcome: "decided", request: decided.request } };
  };
  const result = await updateValue<RequestRecord, DecisionResult>(deps, workKeys.request(id), decide);
  if (result.outcome === "decided") await apply?.(deps, result.request, correlation);
  return result;
}

/** The refusal of an answer to a request that is not stored. Its kind may ask it again, as after a lost store. */
export async function createUnknownError(
  deps: TaskDeps,
  id: string,
  by: string,
  correlation: string,
): Promise<GroundcrewError> {
  let name: RefusalName | undefined;
  for (const kind of Object.values(deps.requestKinds)) name ??= await kind.restore?.(deps, id, by, correlation);
  const text = "There is no such request. GET /api/requests lists those that wait.";
  return new GroundcrewError("not_found", text, { refusal: { name: name ?? "requestGone" } });
}

function throwUnlessOffered({ kind, answers, session }: RequestRecord, { answer, comment = "" }: RequestDecision) {
  const list = answers.join(", ");
  const offered = { name: "answerNotOffered", values: { answers: list } } as const;
  if (!answers.includes(answer))
    throw new GroundcrewError("bad_request", `answer must be one of: ${list}.`, { refusal: offered });
  const isSentBackPlan = session?.waits === "plan" && answer === "send_back";
  const needsWords = kind === "question" ? ANSWERS_WITH_WORDS.includes(answer) : isSentBackPlan;
  const text = "comment is empty. Give the answer, or what should change, as comment.";
  if (needsWords && comment.trim() === "")
    throw new GroundcrewError("bad_request", text, { refusal: { name: "emptyText" } });
}

/** Stores what was read again, unless the request has changed meanwhile: then it is compared with that. */
async function storeReread(deps: TaskDeps, before: RequestRecord, request: RequestRecord, correlation: string) {
  if (request.hash === before.hash) return;
  await updateValue<RequestRecord>(deps, workKeys.request(before.id), (stored, rev) =>
    stored?.hash === before.hash && isRequestOpen(stored)
      ? prepareRequestChange(deps, request, rev, correlation)
      : undefined,
  );
}

/**
 * Prepares a verdict and what it does, for a commit that expects the open request at its revision. Undefined when its
 * subject is gone.
 */
export async function prepareDecision(
  deps: TaskDeps,
  { value, rev }: StoredValue<RequestRecord>,
  decision: RequestDecision,
  correlation: string,
): Promise<{ request: RequestRecord; update: ValueUpdate & { put: Put[] } } | undefined> {
  const request = { ...value, verdict: toVerdict(decision, await deps.store.now()) };
  const effect = await getKind(deps, value).decide(deps, { value: request, rev }, correlation);
  if (!effect) return undefined;
  return { request, update: mergeUpdates([prepareRequestChange(deps, request, rev, correlation), effect]) };
}

/** Cleans a decision of what hides or reorders text, and adds its time. */
function toVerdict({ hash: _, comment, by, ...decision }: RequestDecision, at: Ms): RequestVerdict {
  const words = comment === undefined ? "" : cleanText(comment, COMMENT_LIMIT);
  return { ...decision, ...omitUndefined({ comment: words || undefined }), by: cleanLine(by, NAME_LIMIT), at };
}

/** Whether a decision is the one that counts: the same person repeats it, as after an interruption. */
export function hasVerdict({ verdict }: RequestRecord, decision: RequestDecision): boolean {
  if (!verdict) return false;
  const { answer, comment, by } = toVerdict(decision, 0);
  return verdict.answer === answer && verdict.comment === comment && verdict.by === by;
}

/** Closes a request that needs no answer any more, unless it was answered just now. */
export async function closeRequest(
  deps: TaskDeps,
  id: string,
  why: RequestClosure,
  correlation: string,
): Promise<void> {
  await updateValue<RequestRecord>(deps, workKeys.request(id), async (request, rev) =>
    request && isRequestOpen(request) ? prepareClosure(deps, { value: request, rev }, why, correlation) : undefined,
  );
}

/** Closes the open requests about a task that is closed or removed, as far as their kind ends with it. */
export async function closeTaskRequests(deps: TaskDeps, item: string, correlation: string): Promise<void> {
  for (const { value } of await readTaskRequests(deps, item))
    if (isRequestOpen(value) && (await isTaskClosed(deps, value)))
      await closeRequest(deps, value.id, "task_closed", correlation);
}

/** Whether a request needs no answer any more because its task is closed or removed. */
async function isTaskClosed(deps: TaskDeps, request: RequestRecord): Promise<boolean> {
  const { item } = request.subject;
  if (item === undefined || !getKind(deps, request).closesWithTask) return false;
  const [stored] = await deps.store.read<ItemRecord>([observedKeys.item(item)]);
  return stored !== undefined && !isOpenItem(stored.value);
}

/** Prepares the same for a commit that expects the open request at its revision. */
export async function prepareClosure(
  deps: TaskDeps,
  { value, rev }: StoredValue<RequestRecord>,
  why: RequestClosure,
  correlation: string,
): Promise<ValueUpdate> {
  const request: RequestRecord = { ...value, closed: { at: await deps.store.now(), why } };
  const effect = await getKind(deps, value).close?.(deps, { value: request, rev }, correlation);
  return mergeUpdates([prepareRequestChange(deps, request, rev, correlation), effect ?? {}]);
}

/** Prepares a changed request, with the jobs that show the change in its messages. */
export function prepareRequestChange(
  { settings, notify }: TaskDeps,
  request: RequestRecord,
  rev: Revision,
  correlation: string,
): ValueUpdate {
  const jobs = createRefreshJobs(settings, getSubjectId(request), `request.${request.id}.${rev}`, correlation);
  return { put: [toRequestPut(request)], jobs, afterCommit: () => notify() };
}

/**
 * Creates the jobs that bring the messages about a subject up to date, for the commit that changes what they show;
 * repeating a cause creates no second job.
 */
export function createRefreshJobs(
  { notifications = [], telegram }: Pick<Settings, "notifications" | "telegram">,
  subject: string,
  cause: string,
  correlation: string,
): Job[] {
  const chats = telegram ? listLiveChats(notifications, telegram.chat) : [];
  return chats.map((chat) => createLiveRefreshJob(chat, subject, cause, correlation));
}

/** Converts a request to its stored record with its sets. */
export function toRequestPut(request: RequestRecord): Put {
  const { id, subject } = request;
  const isOpen = isRequestOpen(request);
  const sets = [...(isOpen ? [workSets.requests] : []), ...(subject.item ? [workSets.requestsOf(subject.item)] : [])];
  const expires = isOpen ? undefined : CLOSED_MS;
  return { key: workKeys.request(id), value: request, sets, ...omitUndefined({ expires }) };
}

function getKind({ requestKinds }: Pick<TaskDeps, "requestKinds">, request: RequestRecord): RequestKind {
  const { kind, session, schedule } = request;
  const found = requestKinds[session ? "session" : schedule === undefined ? kind : "schedule"];
  if (!found) throw new Error(`No request of the kind "${kind}" can be handled here.`);
  return found;
}

/**
 * Creates the lookup of the people whom a request concerns, in circles that grow: the requester, then the project's
 * people. Empty where it concerns everybody. Only who may answer counts: members and admins.
 */
export async function createAudienceLookup(deps: AudienceDeps) {
  const people = (await readPeople(deps)).filter(({ role }) => role !== undefined && role !== "guest");
  return async ({ subject }: RequestRecord): Promise<Person[][]> => {
    const keys = subject.item === undefined ? [] : [observedKeys.item(subject.item)];
    const [item] = await deps.store.read<ItemRecord>(keys);
    const project = item?.value.snapshot.project ?? subject.project;
    // What Groundcrew created for somebody has its own account as the author.
    const author = item?.value.snapshot.ours ? null : item?.value.snapshot.createdBy;
    const requester =
      people.find(({ telegram }) => telegram !== undefined && telegram === subject.message?.user) ??
      people.find(({ id }) => id !== undefined && id === author);
    const members = project === undefined ? [] : people.filter(({ projects }) => projects.includes(project));
    return [keepDefined([requester]), members].filter((circle) => circle.length > 0);
  };
}

/** Whether a request waits for this person, by Plane's id; one that concerns nobody in particular is everybody's. */
export function concernsPerson([first]: readonly Person[][], person: string | undefined): boolean {
  return first === undefined || person === undefined || first.some(({ id }) => id === person);
}
