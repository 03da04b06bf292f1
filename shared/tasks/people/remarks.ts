/**
 * What a person writes about a task, in Plane, Telegram or on the page: it answers a question, stops the work, or
 * wakes the agents that it is for.
 */

import type { TaskDeps } from "../../app/deps.ts";
import { sha256Hex } from "../../hashing.ts";
import { formatTemplate } from "../../i18n/localize.ts";
import { getTexts } from "../../i18n/texts.ts";
import { createWorkJob, type WorkJobBody } from "../../jobs/work-jobs.ts";
import { removeHiddenText } from "../../markdown/hidden-text.ts";
import { escapeHtml, htmlToLines } from "../../markdown/plain-text.ts";
import { keepDefined, omitUndefined } from "../../omit-undefined.ts";
import type { Task } from "../../records/plane-records.ts";
import { observedKeys, workKeys } from "../../records/store-keys.ts";
import { findClaim } from "../../records/task-records.ts";
import type { Job } from "../../store/port.ts";
import { updateValue } from "../../store/records.ts";
import { findAgentByEmail, findLatestActivityActor } from "../../sync/event-facts.ts";
import { toUnobservedPut } from "../../sync/item-record.ts";
import { findPlanePerson } from "../../sync/names.ts";
import { findMentionedUsers } from "../../sync/observe-item.ts";
import type { WorkEvent } from "../../task/events.ts";
import { type ItemRecord, isOpenItem } from "../../task/snapshot.ts";
import { cleanLine, cleanText } from "../../text.ts";
import type { Ms } from "../../time.ts";
import { isManaged } from "../access.ts";
import { createCallContext } from "../call-context.ts";
import { prepareReceipt } from "../card-record.ts";
import { endClaim } from "../claim-lease.ts";
import { postComment } from "../comments.ts";
import { findStoredTask } from "../find-task.ts";
import { readHiddenTasks } from "../plan-record.ts";
import {
  getNextWakeTime,
  isStopWord,
  listRecentWakes,
  NO_REMARKS,
  type Remark,
  type RemarksRecord,
  toRemarksPut,
} from "../remark-record.ts";
import { prepareWorkEvents } from "../work-events.ts";
import { answerFromComment, isQuestionOpen, readTaskQuestions } from "./questions.ts";

type MentionJob = Extract<WorkJobBody, { type: "mention" }>;

type RemarkJob = Extract<WorkJobBody, { type: "remark" }>;

/** The agents that a remark is for, and those of them that it mentions. */
interface Recipients {
  agents: readonly string[];
  mentioned: readonly string[];
}

/** Limit of the converted HTML in UTF-16 units. */
const MAX_HTML = 20_000;

/** Limit of a remark or description in UTF-16 units; the agent reads the rest in the task's details. */
const MAX_TEXT = 1_000;

/** The longest time until the card is due after a remark: 5 s. */
const RECEIPT_MS: Ms = 5_000;

/**
 * Handles what a person wrote about a task, in Plane, Telegram or on the page. `stop` ends the work. Anything else may
 * answer an open question, wakes the task's agents and those that are mentioned, and lets a stopped task continue.
 * Repeating the job has no effect.
 */
export async function handleRemark(deps: TaskDeps, job: RemarkJob): Promise<void> {
  const task = await findStoredTask(deps, job.item);
  if (!task || task.item.removedAt !== undefined) return;
  const workers = await findTaskWorkers(deps, task);
  const mentioned = await findMentionedAgents(deps, job.mentions);
  const isForWorkers = mentioned.length === 0 || mentioned.some((agent) => workers.includes(agent));
  if (isForWorkers && workers.length > 0 && isStopWord(job.text) && !(await isChoice(deps, job))) {
    await stopTask(deps, job);
    await receiveRemark(deps, task, job, { agents: [], mentioned: [] });
    if (job.source === "message") await postRemark(deps, task, job);
    return;
  }
  // The agent reads the comment in Plane, so it is there before the agent is woken.
  if (job.source === "message") await postRemark(deps, task, job);
  const answered =
    job.source === "comment" ? await answerFromComment(deps, { ...job, comment: job.remark }) : undefined;
  if (workers.length > 0) await releaseStoppedTask(deps, job.item);
  const agents = [...new Set([...workers, ...mentioned])].filter((agent) => agent !== answered);
  if (agents.length > 0 || answered !== undefined) await receiveRemark(deps, task, job, { agents, mentioned });
}

/** The agents of the settings whose accounts are mentioned. Sends a request only for users that are not known yet. */
async function findMentionedAgents(deps: TaskDeps, mentions: readonly string[]): Promise<string[]> {
  const people = await Promise.all(mentions.map((id) => findPlanePerson(deps, id)));
  return [...new Set(keepDefined(people.map((person) => person && findAgentByEmail(deps, person)?.name)))];
}

/** Whether the word is a choice of an open question, which it answers. */
async function isChoice(deps: TaskDeps, { item, text }: RemarkJob): Promise<boolean> {
  const questions = (await readTaskQuestions(deps, item)).filter(isQuestionOpen);
  const wanted = cleanLine(text, 100).toLowerCase();
  return questions.some(({ choices }) => choices.some((choice) => choice.toLowerCase() === wanted));
}

/**
 * Stops the work on an open task: its claim is revoked, and no agent may start it until a person acts. The mark comes
 * first: the claims tick ends a claim that remains on a marked task. Repeating it has no effect.
 */
async function stopTask(deps: TaskDeps, { item, by, correlation }: RemarkJob): Promise<void> {
  const [at, held] = await Promise.all([deps.store.now(), findClaim(deps, item)]);
  await updateValue<ItemRecord>(deps, observedKeys.item(item), (stored, rev) => {
    if (!stored || !isOpenItem(stored) || stored.stopped) return undefined;
    // Only a claimed task in progress is returned to todo, which is not the change of a person.
    const isReturning = held !== undefined && stored.snapshot.status === "in_progress";
    const returned = isReturning ? {} : { returned: true as const };
    return { put: [toUnobservedPut({ ...stored, stopped: { by, at, ...returned } }, rev)] };
  });
  const claim = await findClaim(deps, item);
  if (claim) await endClaim(deps, claim, "stopped", correlation, { by });
}

/**
 * Stores a person's remark, wakes its recipients within the limit, and shows the receipt on the card, in one commit. A
 * remark whose text has been received already changes nothing.
 */
async function receiveRemark(
  deps: TaskDeps,
  task: Task,
  { remark: id, by, text, mentions, correlation }: RemarkJob,
  { agents, mentioned }: Recipients,
): Promise<void> {
  const record = workKeys.remarks(task.id);
  const hash = (await sha256Hex(JSON.stringify([text, [...mentions].sort()]))).slice(0, 16);
  const words = cleanText(text, MAX_TEXT);
  // People's own tasks from before are only read until an agent works on them.
  const hasCard = await isManaged(deps, task);
  await updateValue<RemarksRecord>(deps, record, async (stored = NO_REMARKS, rev) => {
    if (stored.textHashes[id] === hash) return undefined;
    const now = await deps.store.now();
    const { [id]: _, ...otherHashes } = stored.textHashes;
    const next: RemarksRecord = { ...stored, textHashes: { ...otherHashes, [id]: hash } };
    const events: WorkEvent[] = [];
    const jobs: Job[] = [];
    let later: Ms | undefined;
    for (const agent of agents) {
      const wakeAt = getNextWakeTime(next.wakes[agent], now);
      const isHeld = wakeAt > now;
      const remark: Remark = { id, agent, by, text: words, at: now, ...(isHeld ? { isDeferred: true } : {}) };
      next.open = [...next.open.filter((other) => other.id !== id || other.agent !== agent), remark];
      if (mentioned.includes(agent)) next.mentioned = { ...next.mentioned, [agent]: now };
      if (isHeld) {
        later = Math.max(later ?? 0, wakeAt);
        jobs.push(createHeldRemarksJob(task.id, agent, wakeAt, correlation));
        deps.log.warn("limit of wakes by remarks reached", { correlation, item: task.key, agent });
      } else {
        next.wakes = addWake(next.wakes, agent, now);
        events.push({ kind: "addressed", agent, remark: id, by, text: toWakeText(remark) });
      }
    }
    const receipt = { by, text: words, at: now, ...omitUndefined({ later }) };
    const card = hasCard ? await prepareReceipt(deps, task.id, receipt, correlation) : undefined;
    const update = await prepareWorkEvents(deps, task, events, correlation, {
      record,
      rev,
      put: [toRemarksPut(task.id, next), ...(card?.put ?? [])],
      jobs: [...jobs, ...(card?.jobs ?? [])],
    });
    const afterCommit = async () => {
      await update.afterCommit?.();
      deps.notify({ queue: "work", after: RECEIPT_MS });
    };
    return { ...update, ...omitUndefined({ expect: card?.expect }), afterCommit };
  });
}

function addWake(wakes: RemarksRecord["wakes"], agent: string, now: Ms): RemarksRecord["wakes"] {
  return { ...wakes, [agent]: [...listRecentWakes(wakes[agent] ?? [], now), now] };
}

/** All remarks that are held until the same time share a job. */
function createHeldRemarksJob(item: string, agent: string, at: Ms, correlation: string): Job {
  const id = `remarks:${item}:${encodeURIComponent(agent)}:${at}`;
  return createWorkJob(id, id, { type: "deferred_remarks", item, agent, correlation }, at);
}

/** One line, so that several remarks remain apart in one wake. */
function toWakeText({ by, text }: Pick<Remark, "by" | "text">): string {
  return `${cleanLine(by, 80)}: ${cleanLine(text, MAX_TEXT)}`;
}

/** Writes what a person wrote outside of Plane as a comment that names the person. */
async function postRemark(deps: TaskDeps, task: Task, { remark, by, text, correlation }: RemarkJob): Promise<void> {
  const context = createCallContext(deps, { name: by, role: "human" }, correlation);
  const title = formatTemplate(getTexts(deps.settings.locale).comments.remark, { by: escapeHtml(by) });
  const html = `<p>${title}</p><p>${escapeHtml(text).replaceAll("\n", "<br>")}</p>`;
  await postComment(context, task, `remark:${remark}`, html);
}

/** Lets agents start a stopped task again. */
async function releaseStoppedTask(deps: TaskDeps, item: string): Promise<void> {
  await updateValue<ItemRecord>(deps, observedKeys.item(item), (stored, rev) => {
    if (!stored?.stopped) return undefined;
    const { stopped: _, ...released } = stored;
    return { put: [toUnobservedPut(released, rev)] };
  });
}

/**
 * Wakes the agents that a person has mentioned in a task's description. Reads the item's activities from Plane when no
 * webhook named the author; only when an agent is mentioned. Mentions that people cannot see do not count.
 */
export async function handleMention(deps: TaskDeps, job: MentionJob): Promise<void> {
  const { item, mentions, author, correlation } = job;
  const task = await findStoredTask(deps, item);
  if (!task || task.item.removedAt !== undefined) return;
  const visible = await removeHiddenText(task.item.snapshot.description);
  const present = findMentionedUsers(visible).filter((id) => mentions.includes(id));
  const agents = await findMentionedAgents(deps, present);
  if (agents.length === 0) return;
  const id = author ?? (await findLatestActivityActor(deps, task.item.snapshot, ({ field }) => isDescription(field)));
  const person = id === undefined ? undefined : await findPlanePerson(deps, id);
  if (person && findAgentByEmail(deps, person)) return;
  const text = htmlToLines(visible.slice(0, MAX_HTML), MAX_TEXT).join("\n");
  const by = person?.name ?? "?";
  const remark = { item, remark: `description:${item}`, by, text, mentions: present, correlation };
  await receiveRemark(deps, task, { ...remark, type: "remark", source: "edit" }, { agents, mentioned: agents });
}

/** Plane names the field differently in activities and in webhooks. */
function isDescription(field: string | null): boolean {
  return field === "description" || field === "description_html";
}

/** Wakes an agent for the remarks that were over the limit, all at once, unless it has answered them. */
export async function wakeForHeldRemarks(
  deps: TaskDeps,
  { item, agent, correlation }: { item: string; agent: string; correlation: string },
): Promise<void> {
  const task = await findStoredTask(deps, item);
  if (!task || task.item.removedAt !== undefined) return;
  const record = workKeys.remarks(task.id);
  await updateValue<RemarksRecord>(deps, record, async (stored = NO_REMARKS, rev) => {
    const held = stored.open.filter((remark) => remark.agent === agent && remark.isDeferred);
    const [first] = held;
    if (!first) return undefined;
    const now = await deps.store.now();
    const open = stored.open.map(({ isDeferred: isHeld, ...remark }) =>
      isHeld && remark.agent !== agent ? { ...remark, isDeferred: isHeld } : remark,
    );
    const text = held.map(toWakeText).join("\n");
    const event: WorkEvent = { kind: "addressed", agent, remark: first.id, by: first.by, text };
    const put = [toRemarksPut(task.id, { ...stored, open, wakes: addWake(stored.wakes, agent, now) })];
    return prepareWorkEvents(deps, task, [event], correlation, { record, rev, put });
  });
}

/**
 * The agents that work on an open task or shall do so: those it belongs to, and the one that holds it. A closed task,
 * and one whose plan is not complete, concerns no agent.
 */
export async function findTaskWorkers(deps: TaskDeps, { id, item }: Task): Promise<string[]> {
  if (!isOpenItem(item) || (await readHiddenTasks(deps))(item)) return [];
  const claim = await findClaim(deps, id);
  const known = deps.settings.agents.map(({ name }) => name);
  return [...new Set(keepDefined([...(item.owners ?? []), claim?.agent]))].filter((name) => known.includes(name));
}
