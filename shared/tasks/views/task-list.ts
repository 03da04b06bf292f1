/**
 * Lists of tasks, from stored data: an agent's own open tasks, those to continue or to start first, shortened to 4 KB,
 * and the search in all tasks.
 */

import { z } from "zod";
import type { StoreDeps, TaskDeps } from "../../app/deps.ts";
import { GroundcrewError } from "../../errors.ts";
import { removeHiddenText } from "../../markdown/hidden-text.ts";
import { htmlToLines } from "../../markdown/plain-text.ts";
import { keepDefined, omitUndefined } from "../../omit-undefined.ts";
import { type ClaimRecord, readLiveClaims } from "../../records/claim-record.ts";
import {
  listReadableProjects,
  type ProjectRecord,
  type ProjectsReadRecord,
  type Task,
} from "../../records/plane-records.ts";
import { observedKeys, observedSets, workKeys } from "../../records/store-keys.ts";
import { scanRows } from "../../store/records.ts";
import { pollProject } from "../../sync/poll-project.ts";
import { compareUrgency, type ItemRecord, isBlocked, isOpen, PRIORITIES, STATUSES } from "../../task/snapshot.ts";
import { cleanLine } from "../../text.ts";
import { formatIsoTime, MINUTE, type Ms } from "../../time.ts";
import type { CallContext } from "../call-context.ts";
import { type Blocker, findStoredTask, getProjectByName, readAgentTasks, readOpenBlockers } from "../find-task.ts";
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

/** The project and the number of a task, by which a search sorts. */
interface TaskPosition {
  identifier: string;
  sequence: number;
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
/** Number of tasks on a page of a search: about 5 KB. */
const PAGE_SIZE = 50;

/** Name of the filter for tasks without an agent. */
const NO_AGENT = "none";

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

/** What to search for; all given filters must match. */
export const taskFiltersSchema = z.object({
  /** Identifier, name or Plane id. */
  project: z.string().optional(),
  status: z.enum([...STATUSES, "open", "all"]).optional(),
  agent: z.string().optional().describe("name, or none"),
  text: z.string().max(200).optional().describe("words of the title"),
  /** Key of the last task of the previous page. */
  after: z.string().optional().describe("next of the previous page"),
});

type TaskFilters = z.infer<typeof taskFiltersSchema>;

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

async function readTaskStates(deps: StoreDeps, tasks: readonly Task[]): Promise<TaskState[]> {
  const items = tasks.map(({ item }) => item);
  const ids = tasks.map(({ id }) => id);
  const [open, claims] = await Promise.all([readOpenBlockers(deps, items), readLiveClaims(deps, ids)]);
  return tasks.map((task, i) => {
    const blockers = task.item.blockers.flatMap((id) => open.get(id) ?? []);
    const isUnknown = task.item.blockersUnknown || blockers.length < task.item.blockers.length;
    return { task, claim: claims[i], blockers: isUnknown ? undefined : blockers };
  });
}

/** `rank`, by which lists are sorted: 0: held by the caller, 1: startable, 2: not startable, 3: blocked. */
async function rankTask({ deps, caller }: CallContext, state: TaskState) {
  const { task, claim, blockers } = state;
  const { name, description, status, priority, due } = task.item.snapshot;
  const isHolder = claim?.agent === caller.name;
  const [firstLine = ""] = htmlToLines(await removeHiddenText(description.slice(0, 4_000)), MAX_LINE_LENGTH + 1);
  const obstacle = isHolder || canStart(state) ? undefined : (await readWhy(deps, task, "en")).text;
  const answer: TaskAnswer = omitUndefined({
    id: task.id,
    key: task.key,
    title: cleanLine(name, MAX_LINE_LENGTH),
    description: cleanLine(firstLine, MAX_LINE_LENGTH),
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

/** Renders one task for the caller. */
export async function readTaskAnswer(context: CallContext, task: Task): Promise<TaskAnswer> {
  const [state] = await readTaskStates(context.deps, [task]);
  return (await rankTask(context, state as TaskState)).answer;
}

/**
 * Shortens the texts of a list's tasks so that the list fits 4 KB of JSON within JSON. What is left beside the other
 * fields is shared by the tasks there are: first by the titles, then by the descriptions; a short text leaves its share
 * to the others. Truncated texts end with "…". Nothing else is shortened, above all not the blockers, so a list of many
 * tasks or blockers may exceed the limit; then titles keep 20 bytes and descriptions are omitted.
 */
export function shortenTaskAnswers(tasks: readonly TaskAnswer[]): TaskAnswer[] {
  const left =
    MAX_BYTES - tasks.reduce((sum, task) => sum + measureJson({ ...task, title: "", description: "" }) + 1, 0);
  const listTexts = (field: "title" | "description") => tasks.map((task) => task[field]);
  const titles = shareBytes(listTexts("title"), left, MIN_TITLE_BYTES);
  const titleBytes = titles.reduce((sum, title) => sum + measureText(title), 0);
  const descriptions = shareBytes(listTexts("description"), left - titleBytes, 0);
  return tasks.map((task, i) => ({ ...task, title: titles[i] ?? "", description: descriptions[i] ?? "" }));
}

/** Bytes of a value's JSON as a string within JSON, where each quotation mark takes two bytes. */
function measureJson(value: unknown): number {
  return encoder.encode(JSON.stringify(JSON.stringify(value))).length - 2;
}

/** Truncates texts to a number of bytes in all: each to the same one, at least `minimum`. */
function shareBytes(texts: readonly string[], bytes: number, minimum: number): string[] {
  const sizes = texts.map(measureText);
  const fits = (limit: number) => sizes.reduce((sum, size) => sum + Math.min(size, limit), 0) <= bytes;
  let share = Math.max(minimum, ...sizes);
  while (share > minimum && !fits(share)) share -= 1;
  return texts.map((text) => fitText(text, share));
}

/** Bytes of a text in JSON, without its quotation marks. */
function measureText(text: string): number {
  return measureJson(text) - measureJson("");
}

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

/** Searches all tasks by project and number. Uses stored data, without a request to Plane. */
export async function searchTasks(context: CallContext, filters: TaskFilters) {
  const { deps } = context;
  const isMatch = createMatcher(context, filters);
  const projects = filters.project
    ? [await getProjectByName(context, filters.project)]
    : await listReadableProjects(deps);
  // Reduced to what sorting needs, because there may be thousands.
  const matches: (TaskPosition & { id: string })[] = [];
  const getSet = ["all", "done", "cancelled"].includes(filters.status ?? "") ? observedSets.items : observedSets.open;
  for (const project of projects) {
    for await (const { value } of scanRows<ItemRecord>(deps, getSet(project.id))) {
      const { id, sequence } = value.snapshot;
      if (isMatch(value, project)) matches.push({ id, identifier: project.identifier, sequence });
    }
  }
  matches.sort(comparePositions);
  const after = filters.after === undefined ? undefined : parsePosition(filters.after);
  const remaining = after ? matches.filter((match) => comparePositions(match, after) > 0) : matches;
  const page = remaining.slice(0, PAGE_SIZE);
  const last = remaining.length > PAGE_SIZE ? page.at(-1) : undefined;
  return {
    tasks: await describeTasks(deps, page),
    total: matches.length,
    next: last && `${last.identifier}-${last.sequence}`,
  };
}

function createMatcher({ deps }: CallContext, { status = "open", agent, text = "" }: TaskFilters) {
  const owner = agent === undefined ? undefined : findAgentName(deps.settings.agents, agent);
  const words = text.toLowerCase().split(/\s+/);
  return ({ snapshot, owners = [] }: ItemRecord, { identifier }: ProjectRecord): boolean => {
    const { status: word, name, sequence } = snapshot;
    if (status === "open" ? !isOpen(word) : status !== "all" && status !== word) return false;
    if (owner !== undefined && !belongsToAgent(owners, owner)) return false;
    const searched = `${identifier}-${sequence} ${name}`.toLowerCase();
    return words.every((one) => searched.includes(one));
  };
}

/** Whether a task of these agents belongs to an agent, or with `none` to no agent. */
export function belongsToAgent(owners: readonly string[], agent: string): boolean {
  return agent === NO_AGENT ? owners.length === 0 : owners.includes(agent);
}

function findAgentName(agents: readonly { name: string }[], wanted: string): string {
  const name = wanted.trim().toLowerCase();
  const found = name === NO_AGENT ? NO_AGENT : agents.find((agent) => agent.name.toLowerCase() === name)?.name;
  if (found !== undefined) return found;
  const names = agents.map((agent) => agent.name).join(", ");
  throw new GroundcrewError(
    "bad_request",
    `There is no agent "${cleanLine(wanted, 60)}". Agents: ${names}; "${NO_AGENT}" finds tasks that belong to no agent.`,
  );
}

function comparePositions(a: TaskPosition, b: TaskPosition): number {
  const [first, second] = [a.identifier.toUpperCase(), b.identifier.toUpperCase()];
  return first < second ? -1 : first > second ? 1 : a.sequence - b.sequence;
}

function parsePosition(key: string): TaskPosition {
  const [, identifier, sequence] = /^(.+)-(\d{1,10})$/.exec(key.trim().toUpperCase()) ?? [];
  if (identifier !== undefined) return { identifier, sequence: Number(sequence) };
  throw new GroundcrewError("bad_request", `after must be the key in "next" of the previous page, such as ONB-12.`);
}

async function describeTasks(deps: TaskDeps, matches: readonly { id: string }[]) {
  const found = await Promise.all(matches.map(({ id }) => findStoredTask(deps, id)));
  const tasks = await readTaskStates(deps, keepDefined(found));
  return tasks.map(({ task: { key, item }, claim, blockers }) => {
    const { name, status, priority, due } = item.snapshot;
    return {
      key,
      title: cleanLine(name, MAX_LINE_LENGTH),
      status,
      priority: priority === "none" ? undefined : priority,
      due: due ?? undefined,
      agents: item.owners?.length ? item.owners : undefined,
      held_by: claim?.agent,
      in_review: item.review && isOpen(status) ? (true as const) : undefined,
      blocked_by: blockers?.length === 0 ? undefined : (blockers?.map((blocker) => blocker.key) ?? null),
    };
  });
}
