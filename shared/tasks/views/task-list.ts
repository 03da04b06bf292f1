/**
 * A task as agents see it, and an agent's list of its open tasks, those to continue or to start first, shortened to 4
 * KB.
 */

import { z } from "zod";
import type { TaskDeps } from "../../app/deps.ts";
import { GroundcrewError } from "../../errors.ts";
import { removeHiddenText } from "../../markdown/hidden-text.ts";
import { htmlToLines } from "../../markdown/plain-text.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { listReadableProjects, type ProjectsReadRecord, type Task } from "../../records/plane-records.ts";
import { observedKeys, workKeys } from "../../records/store-keys.ts";
import { type ClaimRecord, readLiveClaims } from "../../records/task-records.ts";
import { pollProject } from "../../sync/poll-project.ts";
import { compareUrgency, isBlocked, PRIORITIES, STATUSES } from "../../task/snapshot.ts";
import { cleanLine } from "../../text.ts";
import { formatIsoTime, MINUTE, type Ms } from "../../time.ts";
import type { CallContext } from "../call-context.ts";
import { type Blocker, readAgentTasks, readOpenBlockers } from "../find-task.ts";
import { countUnread } from "../remark-record.ts";
import { readWhy } from "./task-facts.ts";

/** The progress of a fresh read that was interrupted because it had to wait too long. */
interface FreshReadRecord {
  /** Store time. */
  began: Ms;
  projects: string[];
}

/** A task with its claim and its open blockers; `blockers` is undefined while they are not all known. */
interface TaskState {
  task: Task;
  claim: ClaimRecord | undefined;
  blockers: Blocker[] | undefined;
}

/** A task with its rank in the caller's list. */
interface RankedTask {
  task: Task;
  answer: TaskAnswer;
  /** 0: held by the caller, 1: startable, 2: not startable, 3: blocked. Lists are sorted by it. */
  rank: 0 | 1 | 2 | 3;
}

/** Limit of tasks in one answer, so that it stays readable for an agent. */
const MAX_LISTED = 50;

/** Retention of an interrupted fresh read: 1 min, within which repeating the call continues it. */
const RESUME_MS: Ms = MINUTE;

/** Limit of titles and first lines in characters, so that a list stays small; the details show them in full. */
const MAX_LINE_LENGTH = 120;

/** Limit of a list's tasks in bytes, also as a text within MCP's JSON: 4 KB less the list's other fields. */
const MAX_BYTES = 4_096 - 80;

/** Minimum of a title in bytes, by which a reader can recognize the task, also when the list exceeds its limit. */
const MIN_TITLE_BYTES = 20;

const encoder = new TextEncoder();

/** A task as every answer shows it (OPENCLAW-02). */
export const taskAnswerSchema = z.object({
  id: z.string(),
  /** `ONB-12` */
  key: z.string(),
  title: z.string(),
  /** First line of the description. */
  description: z.string(),
  status: z.enum(STATUSES),
  priority: z.enum(PRIORITIES),
  /** `YYYY-MM-DD` */
  due_date: z.string().nullable(),
  /** `ONB` */
  project: z.string(),
  /** Open blockers; null while they are still being read, so that `startable` is false. */
  blocked_by: z.array(z.object({ key: z.string(), status: z.enum(STATUSES) })).nullable(),
  url: z.string(),
  /** ISO 8601: set when the caller holds the task; the claim expires then unless a call renews it. */
  held_until: z.string().optional(),
  /** False when the caller cannot start the task now, with the reason in `why_not`. */
  startable: z.literal(false).optional(),
  why_not: z.string().optional(),
  /** Number of people's remarks that the caller has not read; the next answer about the task contains them. */
  unread: z.number().optional(),
});

export type TaskAnswer = z.infer<typeof taskAnswerSchema>;

/**
 * Lists the caller's open tasks, those to continue or to start first (OPENCLAW-02). Uses stored data, without a request
 * to Plane; `fresh` first reads the projects of these tasks, or all projects when there are none. Throws `unavailable`
 * before the first read of Plane.
 */
export async function listTasks(context: CallContext, { fresh = false }: { fresh?: boolean | undefined }) {
  const { deps, caller } = context;
  const startedAt = fresh ? await refreshProjects(context) : undefined;
  const tasks = await readTaskStates(deps, await readAgentTasks(deps, caller.name));
  const ranked = await Promise.all(tasks.map((state) => rankTask(context, state)));
  ranked.sort((a, b) => a.rank - b.rank || compareUrgency(a.task.item.snapshot, b.task.item.snapshot));
  const [lastRead] = await deps.store.read<ProjectsReadRecord>([observedKeys.projectsRead]);
  if (!lastRead)
    throw new GroundcrewError(
      "unavailable",
      "Groundcrew has not read Plane yet, so your tasks are not known. Call again in a minute.",
    );
  const now = await deps.store.now();
  const at = startedAt ?? lastRead.value.at;
  const listed = ranked.slice(0, MAX_LISTED).map(({ answer }) => answer);
  const ids = listed.map(({ id }) => id);
  const unread = await countUnread(deps, ids, caller.name);
  return {
    tasks: shortenTaskAnswers(listed.map((answer, i) => (unread[i] ? { ...answer, unread: unread[i] } : answer))),
    age_s: Math.max(0, Math.round((now - at) / 1000)),
    left_out: ranked.length > MAX_LISTED ? ranked.length - MAX_LISTED : undefined,
  };
}

/**
 * Reads the caller's projects from Plane and returns the store time at which reading began. Each project costs one of
 * the caller's requests per second: with more projects than one call waits for, throws PlaneRateLimitedError, and
 * repeating the call continues where it stopped.
 */
async function refreshProjects(context: CallContext): Promise<Ms> {
  const { deps, caller, correlation } = context;
  const key = workKeys.fresh(caller.name);
  const [progress] = await deps.store.read<FreshReadRecord>([key]);
  const startedAt = progress?.value.began ?? (await deps.store.now());
  const readIds = new Set(progress?.value.projects);
  const readable = await listReadableProjects(deps);
  const ownProjects = new Set((await readAgentTasks(deps, caller.name)).map(({ project }) => project.id));
  const wanted = readable.filter(({ id }) => (ownProjects.size === 0 || ownProjects.has(id)) && !readIds.has(id));
  try {
    for (const project of wanted) {
      await context.waitForTurn("work_items_list");
      await pollProject({ ...deps, plane: context.systemPlane }, project, correlation);
      readIds.add(project.id);
    }
  } catch (thrown) {
    const value: FreshReadRecord = { began: startedAt, projects: [...readIds] };
    await deps.store.commit({ put: [{ key, value, expires: RESUME_MS }] });
    throw thrown;
  }
  if (progress) await deps.store.commit({ put: [{ key, value: undefined }] });
  deps.notify();
  return startedAt;
}

/** Reads the claims and open blockers of tasks, from stored data without a request to Plane. */
export async function readTaskStates(deps: Pick<TaskDeps, "store">, tasks: readonly Task[]): Promise<TaskState[]> {
  const items = tasks.map(({ item }) => item);
  const ids = tasks.map(({ id }) => id);
  const [openBlockers, claims] = await Promise.all([readOpenBlockers(deps, items), readLiveClaims(deps, ids)]);
  return tasks.map((task, i) => toTaskState(task, openBlockers, claims[i]));
}

function toTaskState(task: Task, openBlockers: ReadonlyMap<string, Blocker>, claim: TaskState["claim"]): TaskState {
  const { blockers: ids, blockersUnknown } = task.item;
  const blockers = ids.flatMap((id) => openBlockers.get(id) ?? []);
  return { task, claim, blockers: blockersUnknown || blockers.length < ids.length ? undefined : blockers };
}

async function rankTask({ deps, caller }: CallContext, state: TaskState): Promise<RankedTask> {
  const { task, claim, blockers } = state;
  const { name, description, status, priority, due } = task.item.snapshot;
  const isHolder = claim?.agent === caller.name;
  const obstacle = isHolder || canStart(state) ? undefined : (await readWhy(deps, task, "en")).text;
  const answer: TaskAnswer = omitUndefined({
    id: task.id,
    key: task.key,
    title: cleanLine(name, MAX_LINE_LENGTH),
    description: cleanLine(await getFirstLine(description), MAX_LINE_LENGTH),
    status,
    priority,
    due_date: due,
    project: task.project.identifier,
    blocked_by: blockers?.map((blocker) => ({ key: blocker.key, status: blocker.status })) ?? null,
    url: task.url,
    held_until: isHolder ? formatIsoTime(claim.until, deps.settings.timezone) : undefined,
    startable: obstacle === undefined ? undefined : (false as const),
    why_not: obstacle,
  });
  return { task, answer, rank: isHolder ? 0 : isBlocked(task.item) ? 3 : obstacle === undefined ? 1 : 2 };
}

/** Whether an agent of the task could claim it now. */
function canStart({ task: { item }, claim, blockers }: TaskState): boolean {
  return !claim && blockers?.length === 0 && !isBlocked(item) && !item.review && !item.stopped;
}

/** Returns the first line of Plane's HTML that is not empty. */
async function getFirstLine(html: string): Promise<string> {
  const visible = await removeHiddenText(html.slice(0, 4_000));
  return htmlToLines(visible, MAX_LINE_LENGTH + 1)[0] ?? "";
}

/** Renders one task for the caller. */
export async function readTaskAnswer(context: CallContext, task: Task): Promise<TaskAnswer> {
  const { deps } = context;
  const [blockers, [claim]] = await Promise.all([readOpenBlockers(deps, [task.item]), readLiveClaims(deps, [task.id])]);
  return (await rankTask(context, toTaskState(task, blockers, claim))).answer;
}

/**
 * Shortens the texts of a list's tasks so that the list fits 4 KB of JSON within JSON. What is left beside the other
 * fields is shared by the tasks there are: first by the titles, then by the descriptions; a short text leaves its share
 * to the others. Truncated texts end with "…". Nothing else is shortened, above all not the blockers, so a list of many
 * tasks or blockers may exceed the limit; then titles keep 20 bytes and descriptions are omitted.
 */
export function shortenTaskAnswers(tasks: readonly TaskAnswer[]): TaskAnswer[] {
  const fixedBytes = tasks.reduce((sum, task) => sum + measureJson({ ...task, title: "", description: "" }) + 1, 0);
  const longTitles = tasks.map(({ title }) => title);
  const titles = shareBytes(longTitles, MAX_BYTES - fixedBytes, MIN_TITLE_BYTES);
  const titleBytes = titles.reduce((sum, title) => sum + measureText(title), 0);
  const longDescriptions = tasks.map(({ description }) => description);
  const descriptions = shareBytes(longDescriptions, MAX_BYTES - fixedBytes - titleBytes, 0);
  return tasks.map((task, i) => ({ ...task, title: titles[i] ?? "", description: descriptions[i] ?? "" }));
}

/** Bytes of a value's JSON as a string within JSON, where each quotation mark takes two bytes. */
function measureJson(value: unknown): number {
  return encoder.encode(JSON.stringify(JSON.stringify(value))).length - 2;
}

/** Truncates texts to a number of bytes in all. Each gets an equal share, at least `minimum`. */
function shareBytes(texts: readonly string[], bytes: number, minimum: number): string[] {
  const sizes = texts.map(measureText).sort((a, b) => a - b);
  let bytesLeft = Math.max(0, bytes);
  let share = 0;
  for (const [i, size] of sizes.entries()) {
    share = Math.floor(bytesLeft / (sizes.length - i));
    if (size > share) break;
    bytesLeft -= size;
    share = size;
  }
  return texts.map((text) => fitText(text, Math.max(share, minimum)));
}

/** Bytes of a text in JSON, without its quotation marks. */
function measureText(text: string): number {
  return measureJson(text) - measureJson("");
}

/** Truncates a text to a number of bytes of JSON. */
function fitText(text: string, bytes: number): string {
  if (measureText(text) <= bytes) return text;
  let bytesLeft = bytes - measureText("…");
  let prefix = "";
  for (const character of text) {
    bytesLeft -= measureText(character);
    if (bytesLeft < 0) break;
    prefix += character;
  }
  return prefix === "" ? "" : `${prefix.trimEnd()}…`;
}
