/** Searches all tasks by status, agent, project and words, from stored data. */

import { z } from "zod";
import { GroundcrewError } from "../../errors.ts";
import { keepDefined } from "../../omit-undefined.ts";
import { listReadableProjects, type ProjectRecord } from "../../records/plane-records.ts";
import { observedSets } from "../../records/store-keys.ts";
import { scanRows } from "../../store/records.ts";
import { type ItemRecord, isOpen, STATUSES } from "../../task/snapshot.ts";
import { cleanLine } from "../../text.ts";
import type { CallContext } from "../call-context.ts";
import { findStoredTask, getProjectByName } from "../find-task.ts";
import { readTaskStates } from "./task-list.ts";

/** A matching task, reduced to what sorting needs, because there may be thousands. */
interface Match {
  id: string;
  identifier: string;
  sequence: number;
}

/** Number of tasks on a page: about 5 KB. */
const PAGE_SIZE = 50;

const MAX_TITLE_LENGTH = 120;

/** Name of the filter for tasks without an agent. */
const NO_AGENT = "none";

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

/** Searches all tasks by project and number. Uses stored data, without a request to Plane. */
export async function searchTasks(context: CallContext, filters: TaskFilters) {
  const { deps } = context;
  const isMatch = createMatcher(context, filters);
  const projects = filters.project
    ? [await getProjectByName(context, filters.project)]
    : await listReadableProjects(deps);
  const matches: Match[] = [];
  for (const project of projects) {
    for await (const { value } of scanRows<ItemRecord>(deps, getTaskSet(filters, project))) {
      const { id, sequence } = value.snapshot;
      if (isMatch(value, project)) matches.push({ id, identifier: project.identifier, sequence });
    }
  }
  matches.sort(compareMatches);
  const after = filters.after === undefined ? undefined : parseKey(filters.after);
  const remaining = after ? matches.filter((match) => compareMatches(match, after) > 0) : matches;
  const page = remaining.slice(0, PAGE_SIZE);
  const last = remaining.length > PAGE_SIZE ? page.at(-1) : undefined;
  return {
    tasks: await describeTasks(context, page),
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

function getTaskSet({ status = "open" }: TaskFilters, { id }: ProjectRecord) {
  const includesClosed = status === "all" || status === "done" || status === "cancelled";
  return includesClosed ? observedSets.items(id) : observedSets.open(id);
}

function compareMatches(a: Omit<Match, "id">, b: Omit<Match, "id">): number {
  const [first, second] = [a.identifier.toUpperCase(), b.identifier.toUpperCase()];
  return first < second ? -1 : first > second ? 1 : a.sequence - b.sequence;
}

function parseKey(key: string): Omit<Match, "id"> {
  const [, identifier, sequence] = /^(.+)-(\d{1,10})$/.exec(key.trim().toUpperCase()) ?? [];
  if (identifier !== undefined) return { identifier, sequence: Number(sequence) };
  throw new GroundcrewError("bad_request", `after must be the key in "next" of the previous page, such as ONB-12.`);
}

async function describeTasks({ deps }: CallContext, matches: readonly Match[]) {
  const found = await Promise.all(matches.map(({ id }) => findStoredTask(deps, id)));
  const tasks = await readTaskStates(deps, keepDefined(found));
  return tasks.map(({ task: { key, item }, claim, blockers }) => {
    const { name, status, priority, due } = item.snapshot;
    return {
      key,
      title: cleanLine(name, MAX_TITLE_LENGTH),
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
