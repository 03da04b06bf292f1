/**
 * What a person writes about a task, in Plane, Telegram or on the page: it answers a question, stops the work, or
 * wakes the agents that it is for. All of that is one commit, with the comment or the message itself, and needs nothing
 * of Plane; what Plane gets of it follows in jobs.
 */

import { readTaskTimes } from "../../accounting/time-entries.ts";
import type { TaskDeps, WrittenRemark } from "../../app/deps.ts";
import { sha256Hex } from "../../hashing.ts";
import { formatTemplate } from "../../i18n/localize.ts";
import { findScheduleCommand } from "../../i18n/parse-schedule.ts";
import { getTexts } from "../../i18n/texts.ts";
import { createPostJob, type WorkJobBody } from "../../jobs/internal-jobs.ts";
import { removeHiddenText } from "../../markdown/hidden-text.ts";
import { escapeHtml, htmlToLines } from "../../markdown/plain-text.ts";
import { keepDefined, omitUndefined } from "../../omit-undefined.ts";
import { readPeople } from "../../people/directory.ts";
import { type ClaimRecord, findClaim, readClaims } from "../../records/claim-record.ts";
import type { Task } from "../../records/plane-records.ts";
import { observedKeys, workKeys } from "../../records/store-keys.ts";
import { findSessionName } from "../../records/task-records.ts";
import { isOption } from "../../requests/words.ts";
import type { Job, Revision } from "../../store/port.ts";
import { mergeUpdates, updateValue, type ValueUpdate } from "../../store/records.ts";
import { findAgentByEmail, findLatestActivityActor } from "../../sync/event-facts.ts";
import { toUnobservedPut } from "../../sync/item-record.ts";
import { findPlanePerson } from "../../sync/names.ts";
import { findMentionedUsers } from "../../sync/observe-item.ts";
import type { WorkEvent } from "../../task/events.ts";
import { isRequestOpen } from "../../task/request.ts";
import { isOpenItem } from "../../task/snapshot.ts";
import { cleanLine, cleanText } from "../../text.ts";
import { formatIsoTime, type Ms, SECOND } from "../../time.ts";
import { isManaged } from "../access.ts";
import { createCallContext } from "../call-context.ts";
import { prepareReceipt } from "../card-record.ts";
import { prepareClaimEnd } from "../claims.ts";
import { findPresentTask } from "../find-task.ts";
import { readHiddenTasks } from "../plan-record.ts";
import { postComment } from "../post-comment.ts";
import {
  getNextWakeTime,
  isStopWord,
  listRecentWakes,
  NO_REMARKS,
  type Remark,
  type RemarksRecord,
  toRemarksPut,
} from "../remark-record.ts";
import { prepareWorkEvent } from "../work-events.ts";
import { consumeOutsiderWake } from "./brakes.ts";
import { prepareAnswerFromComment, readTaskQuestions } from "./questions.ts";

/** A period in which an agent worked on a task, as its timer measured; without `to` it works still. */
interface WorkTime {
  agent: string;
  from: Ms;
  to?: Ms;
}

/** The record of remarks with what is added to it, and what follows from that. */
interface RemarksDraft {
  record: RemarksRecord;
  events: WorkEvent[];
  jobs: Job[];
  receipt?: Parameters<typeof prepareReceipt>[2];
}

/** Limit of the converted HTML in UTF-16 units. */
const MAX_HTML = 20_000;

/** Limit of a remark or description in UTF-16 units; the agent reads the rest in the task's details. */
const MAX_TEXT = 1_000;

/** Limit of a message in UTF-16 units, as long as one of Telegram. */
const MAX_MESSAGE = 4_096;

/** Limit of what the refusal of a stopped task quotes, in UTF-16 units. */
const MAX_STOP_WORDS = 300;

/** Plane names the field of a description differently in activities and in webhooks. */
const DESCRIPTION = ["description", "description_html"];

/** The longest time until the card is due after a remark: 5 s. */
const RECEIPT_MS: Ms = 5_000;

/** Difference between the clocks of Plane or Telegram and of the store that does not change whom a remark is for: 5 s. */
const CLOCK_MARGIN_MS: Ms = 5 * SECOND;

/**
 * Prepares what people wrote about an item, for the commit that stores that it was seen. `stop` ends the work: the
 * claim, the mark that keeps agents from starting the task, and the event that tells its agent. Anything else may
 * answer an open question, wakes the agents that work on the task or did when it was written, and those that are
 * mentioned, and lets a stopped task continue. A text that was received before changes nothing. Makes no request to
 * Plane. The commit is stale when the task was changed meanwhile.
 */
export async function prepareRemarks(
  allDeps: TaskDeps,
  item: string,
  written: readonly WrittenRemark[],
  correlation: string,
): Promise<ValueUpdate> {
  const isForSchedules = written.some(({ text }) => findScheduleCommand(text) !== undefined);
  if (allDeps.settings.agents.length === 0 && !allDeps.settings.tickets && !isForSchedules) return {};
  const deps = { ...allDeps, usesKnownNames: true as const };
  const [task, [row], [claim], times] = await Promise.all([
    findPresentTask(deps, item),
    deps.store.read<RemarksRecord>([workKeys.remarks(item)]),
    readClaims(deps, [item]),
    readTaskTimes(deps, item),
  ]);
  if (!task) return {};
  const draft = createDraft(row?.value);
  const updates: ValueUpdate[] = [];
  const [workers, session] = await Promise.all([findTaskWorkers(deps, task), findSessionName(deps, task.key)]);
  let stopped = task.item.stopped;
  for (const remark of written) {
    if (await isReceived(draft, remark)) continue;
    if (!remark.isByProgram && findScheduleCommand(remark.text) !== undefined) {
      // It is for Groundcrew: no agent reads it, and the template's card is its receipt.
      draft.record = await markReceived(draft.record, remark);
      draft.jobs.push(await createScheduleJob(item, remark, correlation));
      continue;
    }
    const mentioned = await findMentionedAgents(deps, remark.mentions);
    const isForWorkers = mentioned.length === 0 || mentioned.some((agent) => workers.includes(agent));
    if (isForWorkers && workers.length > 0 && isStopWord(remark.text) && !(await isChoice(deps, item, remark))) {
      stopped ??= toStopMark(task, claim?.value, remark, await deps.store.now());
      await addRemark(deps, task, draft, remark, { agents: [], mentioned: [] }, correlation);
      continue;
    }
    const answer = remark.isByGuest ? undefined : await prepareAnswerFromComment(deps, task, remark, correlation);
    if (answer) updates.push(answer.update);
    // An answer to Groundcrew's own question is for no agent.
    if (remark.isByProgram || answer?.question.schedule !== undefined) continue;
    if (workers.length > 0) stopped = undefined;
    const earlier = findEarlierWorkers(task, times.entries, remark.at);
    const concerned = keepDefined([...workers, ...earlier, ...mentioned, remark.isByGuest ? undefined : session]);
    const agents = [...new Set(concerned)].filter((agent) => agent !== answer?.question.from);
    if (agents.length > 0 || answer) await addRemark(deps, task, draft, remark, { agents, mentioned }, correlation);
  }
  if (draft.receipt || draft.jobs.length > 0) {
    const rev = row?.rev ?? 0;
    updates.push({ expect: [[workKeys.remarks(item), rev]] }, await prepareDraft(deps, task, draft, rev, correlation));
  }
  if (stopped !== task.item.stopped) {
    const { stopped: _, ...rest } = task.item;
    const put = [toUnobservedPut({ ...rest, ...omitUndefined({ stopped }) }, task.rev)];
    updates.push({ expect: [[observedKeys.item(item), task.rev]], put });
  }
  if (stopped && claim) updates.push(await prepareStop(deps, task, claim, stopped, correlation));
  return updates.length === 0 ? {} : mergeUpdates(updates);
}

/** Once for each text: an edited comment is another command. */
async function createScheduleJob(item: string, remark: WrittenRemark, correlation: string): Promise<Job> {
  const { id, by, text } = remark;
  const body = { type: "recur", item, comment: id, by, text, correlation } as const;
  return createPostJob(`recur:${id}:${await hashRemark(remark)}`, `recur:${item}`, body);
}

/** The mark of a stopped task. Only a claimed task in progress is returned to todo, which is not the change of a person. */
function toStopMark({ item }: Task, claim: ClaimRecord | undefined, { by, text }: WrittenRemark, at: Ms) {
  const returned = claim && item.snapshot.status === "in_progress" ? {} : { returned: true as const };
  return { by, at, words: cleanLine(text, MAX_STOP_WORDS), ...returned };
}

/** Ends the claim and tells its agent. The task's return to todo, which needs Plane, is a job. */
async function prepareStop(
  deps: TaskDeps,
  task: Task,
  { value: claim, rev }: { value: ClaimRecord; rev: Revision },
  { by, words }: { by: string; words?: string },
  correlation: string,
): Promise<ValueUpdate> {
  const record = workKeys.claim(task.id);
  const since = formatIsoTime(claim.since, "UTC");
  const lost = { kind: "claim_lost", agent: claim.agent, why: "stopped", since, by } as const;
  return mergeUpdates([
    { expect: [[record, rev]] },
    await prepareClaimEnd(deps, claim, "stopped", correlation, { by, words, isPublished: true }),
    await prepareWorkEvent(deps, task, lost, correlation, { record, rev: claim.fence }),
  ]);
}

async function findMentionedAgents(deps: TaskDeps, mentions: readonly string[]): Promise<string[]> {
  const people = await Promise.all(mentions.map((id) => findPlanePerson(deps, id)));
  return [...new Set(keepDefined(people.map((person) => person && findAgentByEmail(deps, person)?.name)))];
}

/** The agents that worked on the task at this time and are finished with it, or have lost it, since. */
function findEarlierWorkers({ item: { owners = [], snapshot } }: Task, entries: readonly WorkTime[], at: Ms) {
  if (snapshot.completedAt !== null) return Date.parse(snapshot.completedAt) >= at ? owners : [];
  const isAtWork = ({ from, to = at }: WorkTime) => from <= at + CLOCK_MARGIN_MS && to >= at - CLOCK_MARGIN_MS;
  return entries.filter(isAtWork).map(({ agent }) => agent);
}

/** Whether the word is a choice of an open question, which it answers. */
async function isChoice(deps: TaskDeps, item: string, { text }: WrittenRemark): Promise<boolean> {
  const questions = await readTaskQuestions(deps, item);
  return questions.some((question) => isRequestOpen(question) && isOption(question, text));
}

const createDraft = (record: RemarksRecord = NO_REMARKS): RemarksDraft => ({ record, events: [], jobs: [] });

async function hashRemark({ text, mentions }: WrittenRemark): Promise<string> {
  return (await sha256Hex(JSON.stringify([text, [...mentions].sort()]))).slice(0, 16);
}

/** Whether this text was received before: webhooks, reads and edits report the same comment several times. */
const isReceived = async ({ record }: RemarksDraft, remark: WrittenRemark) =>
  record.textHashes[remark.id] === (await hashRemark(remark));

async function markReceived(record: RemarksRecord, remark: WrittenRemark): Promise<RemarksRecord> {
  const { [remark.id]: _, ...otherHashes } = record.textHashes;
  return { ...record, textHashes: { ...otherHashes, [remark.id]: await hashRemark(remark) } };
}

/** Adds a remark for these agents, some of which it mentions, and wakes those that may be woken. */
async function addRemark(
  deps: TaskDeps,
  task: Task,
  draft: RemarksDraft,
  written: WrittenRemark,
  { agents, mentioned }: Record<"agents" | "mentioned", readonly string[]>,
  correlation: string,
): Promise<void> {
  const { id, by } = written;
  const text = cleanText(written.text, MAX_TEXT);
  const now = await deps.store.now();
  const next = await markReceived(draft.record, written);
  const isOutsider = written.author !== undefined && (await isFromOutside(deps, written.author));
  let later: Ms | undefined;
  for (const agent of agents) {
    const wait = isOutsider ? await consumeOutsiderWake(deps, agent) : 0;
    const wakeAt = Math.max(getNextWakeTime(next.wakes[agent], now), now + wait);
    const isHeld = wakeAt > now;
    const remark: Remark = { id, agent, by, text, at: now, ...(isHeld ? { isDeferred: true } : {}) };
    next.open = [...next.open.filter((other) => other.id !== id || other.agent !== agent), remark];
    if (mentioned.includes(agent)) next.mentioned = { ...next.mentioned, [agent]: now };
    if (isHeld) {
      later = Math.max(later ?? 0, wakeAt);
      draft.jobs.push(createHeldRemarksJob(task.id, agent, wakeAt, correlation));
      deps.log.warn("limit of wakes by remarks reached", { correlation, item: task.key, agent });
    } else {
      next.wakes = addWake(next.wakes, agent, now);
      draft.events.push({ kind: "addressed", agent, remark: id, by, text: toWakeText(remark) });
    }
  }
  draft.record = next;
  draft.receipt = { id, by, text, at: now, ...omitUndefined({ later }) };
}

/**
 * Whether a comment's author is neither a member nor an admin among the people. Until Plane's list of them was read,
 * everyone is: that only limits how often comments wake.
 */
async function isFromOutside(deps: Pick<TaskDeps, "store" | "settings">, author: string | null): Promise<boolean> {
  const people = await readPeople(deps);
  return !people.some(({ id, role }) => id === author && role !== undefined && role !== "guest");
}

/** Prepares the writes of the record, its events, and the receipt on the card. */
async function prepareDraft(
  deps: TaskDeps,
  task: Task,
  { record, events, jobs, receipt }: RemarksDraft,
  rev: Revision,
  correlation: string,
): Promise<ValueUpdate> {
  // People's own tasks from before are only read until an agent works on them.
  const hasCard = receipt !== undefined && (await isManaged(deps, task));
  const put = [toRemarksPut(task.id, record)];
  const eventRecord = { record: workKeys.remarks(task.id), rev, put, jobs };
  return mergeUpdates([
    await prepareWorkEvent(deps, task, events, correlation, eventRecord),
    hasCard ? await prepareReceipt(deps, task.id, receipt, correlation) : {},
    { afterCommit: () => deps.notify({ queue: "work", after: RECEIPT_MS }) },
  ]);
}

function addWake(wakes: RemarksRecord["wakes"], agent: string, now: Ms): RemarksRecord["wakes"] {
  return { ...wakes, [agent]: [...listRecentWakes(wakes[agent] ?? [], now), now] };
}

/** All remarks that are held until the same time share a job. */
function createHeldRemarksJob(item: string, agent: string, at: Ms, correlation: string): Job {
  const id = `remarks:${item}:${encodeURIComponent(agent)}:${at}`;
  return createPostJob(id, id, { type: "deferred_remarks", item, agent, correlation }, at);
}

/** One line, so that several remarks remain apart in one wake. */
function toWakeText({ by, text }: Pick<Remark, "by" | "text">): string {
  return `${cleanLine(by, 80)}: ${cleanLine(text, MAX_TEXT)}`;
}

/**
 * Prepares what a person wrote outside of Plane, for the commit that stores that it was received; that it becomes a
 * comment follows. Also returns the agents that work on the task, and whether their work is stopped.
 */
export async function prepareMessage(
  deps: TaskDeps,
  task: Task,
  { id, by, text: words, at }: Pick<WrittenRemark, "id" | "by" | "text"> & { at?: Ms | undefined },
  correlation: string,
): Promise<{ update: ValueUpdate; workers: string[]; isStop: boolean }> {
  const workers = await findTaskWorkers(deps, task);
  const text = cleanText(words, MAX_MESSAGE);
  const remark = { id, by, text, mentions: [], at: at ?? (await deps.store.now()) };
  const body = { type: "post_remark", item: task.id, correlation, remark: id, by, text } as const;
  const jobs = [createPostJob(`remark:${task.id}:${id}`, `remark:${task.id}`, body)];
  const update = mergeUpdates([await prepareRemarks(deps, task.id, [remark], correlation), { jobs }]);
  return { update, workers, isStop: workers.length > 0 && isStopWord(text) };
}

/** Writes what a person wrote outside of Plane as a comment that names the person. */
export async function postRemark(
  deps: TaskDeps,
  { item, remark, by, text, correlation }: Extract<WorkJobBody, { type: "post_remark" }>,
): Promise<void> {
  const task = await findPresentTask(deps, item);
  if (!task) return;
  const context = createCallContext(deps, { name: by, role: "human" }, correlation);
  const title = formatTemplate(getTexts(deps.settings.locale).comments.remark, { by: escapeHtml(by) });
  const html = `<p>${title}</p><p>${escapeHtml(text).replaceAll("\n", "<br>")}</p>`;
  await postComment(context, task, `remark:${remark}`, html);
}

/**
 * Wakes the agents that a person has mentioned in a task's description. Reads the item's activities from Plane when no
 * webhook named the author; only when an agent is mentioned. Mentions that people cannot see do not count.
 */
export async function handleMention(deps: TaskDeps, job: Extract<WorkJobBody, { type: "mention" }>): Promise<void> {
  const { item, mentions, author, correlation } = job;
  const task = await findPresentTask(deps, item);
  if (!task) return;
  const visible = await removeHiddenText(task.item.snapshot.description);
  const present = findMentionedUsers(visible).filter((id) => mentions.includes(id));
  const agents = await findMentionedAgents(deps, present);
  if (agents.length === 0) return;
  const id =
    author ??
    (await findLatestActivityActor(deps, task.item.snapshot, ({ field }) => DESCRIPTION.includes(field ?? "")));
  const person = id === undefined ? undefined : await findPlanePerson(deps, id);
  if (person && findAgentByEmail(deps, person)) return;
  const text = htmlToLines(visible.slice(0, MAX_HTML), MAX_TEXT).join("\n");
  const remark = { id: `description:${item}`, by: person?.name ?? "?", text, mentions: present, at: 0 };
  await updateValue<RemarksRecord>(deps, workKeys.remarks(item), async (stored, rev) => {
    const draft = createDraft(stored);
    if (await isReceived(draft, remark)) return undefined;
    await addRemark(deps, task, draft, remark, { agents, mentioned: agents }, correlation);
    return prepareDraft(deps, task, draft, rev, correlation);
  });
}

/** Wakes an agent for the remarks that were over the limit, all at once, unless it has read or answered them. */
export async function wakeForHeldRemarks(
  deps: TaskDeps,
  { item, agent, correlation }: { item: string; agent: string; correlation: string },
): Promise<void> {
  const task = await findPresentTask(deps, item);
  if (!task) return;
  await updateValue<RemarksRecord>(deps, workKeys.remarks(task.id), async (stored = NO_REMARKS, rev) => {
    const isHeld = (remark: Remark) => remark.agent === agent && remark.isDeferred && remark.readAt === undefined;
    const held = stored.open.filter(isHeld);
    const [first] = held;
    if (!first) return undefined;
    const now = await deps.store.now();
    const open = stored.open.map((remark) => {
      if (!isHeld(remark)) return remark;
      const { isDeferred: _, ...due } = remark;
      return due;
    });
    const text = held.map(toWakeText).join("\n");
    const event: WorkEvent = { kind: "addressed", agent, remark: first.id, by: first.by, text };
    const record = { ...stored, open, wakes: addWake(stored.wakes, agent, now) };
    return prepareDraft(deps, task, { record, events: [event], jobs: [] }, rev, correlation);
  });
}

/**
 * The agents that work on an open task or shall do so: those it belongs to, and the one that holds it. A closed task,
 * and one whose plan is not complete, concerns no agent.
 */
async function findTaskWorkers(deps: TaskDeps, { id, item }: Task): Promise<string[]> {
  if (!isOpenItem(item) || (await readHiddenTasks(deps))(item)) return [];
  const claim = await findClaim(deps, id);
  const known = deps.settings.agents.map(({ name }) => name);
  return [...new Set(keepDefined([...(item.owners ?? []), claim?.agent]))].filter((name) => known.includes(name));
}
