import { cleanLine } from "../../clean-text.ts";
import { htmlToLines } from "../../markdown/html-to-text.ts";
import { removeHiddenText } from "../../markdown/remove-hidden-text.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { isBlocked } from "../../task/diff.ts";
import type { KeptItem, Priority, Status } from "../../task/snapshot.ts";
import { formatIsoTime } from "../../time.ts";
import { type KeptClaim, readLiveClaims } from "../claims/find-claim.ts";
import type { CallContext } from "../context/call-context.ts";
import type { Task } from "../tasks/find-task.ts";
import { type Blocker, readOpenBlockers } from "../tasks/open-blockers.ts";

/** A task as agents see it (OPENCLAW-02). */
export interface TaskAnswer {
  id: string;
  /** `ONB-12` */
  key: string;
  title: string;
  /** First line of the description. */
  description: string;
  status: Status;
  priority: Priority;
  /** `YYYY-MM-DD` */
  due_date: string | null;
  /** `ONB` */
  project: string;
  /** Open blockers; null while they are not all known. */
  blocked_by: { key: string; status: Status }[] | null;
  url: string;
  /** ISO 8601: set when the caller holds the task; the claim expires then unless a call renews it. */
  held_until?: string;
  /** False when the caller cannot start the task now, with the reason in `why_not`. */
  startable?: false;
  why_not?: string;
}

/** A task with its rank in the caller's list. */
export interface RankedTask {
  task: Task;
  answer: TaskAnswer;
  /** 0: held by the caller, 1: startable, 2: not startable, 3: blocked. Lists are sorted by it. */
  rank: 0 | 1 | 2 | 3;
}

/** Limit of titles and first lines in characters, so that a list stays small; the details show them in full. */
const MAX_LINE_LENGTH = 120;

/** Ranks tasks and renders them for the caller, from stored data without a request to Plane. */
export async function rankTasks(context: CallContext, tasks: readonly Task[]): Promise<RankedTask[]> {
  const { deps } = context;
  const items = tasks.map(({ item }) => item);
  const [blockers, claims] = await Promise.all([
    readOpenBlockers(deps, items),
    readLiveClaims(
      deps,
      tasks.map(({ id }) => id),
    ),
  ]);
  return Promise.all(tasks.map((task, i) => rankTask(context, task, blockers, claims[i])));
}

/** Renders one task for the caller. */
export async function readTaskAnswer(context: CallContext, task: Task): Promise<TaskAnswer> {
  const { deps } = context;
  const [blockers, [claim]] = await Promise.all([readOpenBlockers(deps, [task.item]), readLiveClaims(deps, [task.id])]);
  return (await rankTask(context, task, blockers, claim)).answer;
}

async function rankTask(
  { deps, caller }: CallContext,
  task: Task,
  blockers: ReadonlyMap<string, Blocker>,
  claim: KeptClaim | undefined,
): Promise<RankedTask> {
  const isHolder = claim?.agent === caller.name;
  const timeZone = deps.settings.timezone;
  const openBlockers = task.item.blockers.flatMap((id) => blockers.get(id) ?? []);
  const obstacle = isHolder ? undefined : findStartObstacle(task, openBlockers, claim, timeZone);
  const answer: TaskAnswer = {
    ...(await toTaskAnswer(task, openBlockers)),
    ...omitUndefined({
      held_until: isHolder ? formatIsoTime(claim.until, timeZone) : undefined,
      startable: obstacle === undefined ? undefined : (false as const),
      why_not: obstacle,
    }),
  };
  return { task, answer, rank: isHolder ? 0 : isBlocked(task.item) ? 3 : obstacle === undefined ? 1 : 2 };
}

async function toTaskAnswer(
  { id, key, item, project, url }: Task,
  openBlockers: readonly Blocker[],
): Promise<TaskAnswer> {
  const { name, description, word, priority, due } = item.snapshot;
  return {
    id,
    key,
    title: cleanLine(name, MAX_LINE_LENGTH),
    description: cleanLine(await getFirstLine(description), MAX_LINE_LENGTH),
    status: word,
    priority,
    due_date: due,
    project: project.identifier,
    blocked_by: areBlockersKnown(item, openBlockers)
      ? openBlockers.map((blocker) => ({ key: blocker.key, status: blocker.status }))
      : null,
    url,
  };
}

/** Returns the first line of Plane's HTML that is not empty. */
async function getFirstLine(html: string): Promise<string> {
  const visible = await removeHiddenText(html.slice(0, 4_000));
  return htmlToLines(visible, MAX_LINE_LENGTH + 1)[0] ?? "";
}

/** Whether Groundcrew has read the task's relations and every blocker in them. */
export function areBlockersKnown(item: KeptItem, openBlockers: readonly Blocker[]): boolean {
  return !item.blockersUnknown && item.blockers.length === openBlockers.length;
}

function findStartObstacle(
  { item }: Task,
  openBlockers: readonly Blocker[],
  claim: KeptClaim | undefined,
  timeZone: string,
): string | undefined {
  if (item.review) return "in review by a human";
  if (item.stopped) return `stopped by ${item.stopped.by} at ${formatIsoTime(item.stopped.at, timeZone)}`;
  if (claim) return `held by ${claim.agent} until ${formatIsoTime(claim.until, timeZone)}`;
  if (!areBlockersKnown(item, openBlockers)) return "its blockers are still being read from Plane";
  if (openBlockers.length > 0) return `waits for ${openBlockers.map(({ key }) => key).join(", ")}`;
  return isBlocked(item) ? "marked as blocked" : undefined;
}
