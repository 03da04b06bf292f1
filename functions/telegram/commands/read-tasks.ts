import { localizeDuration } from "../../../shared/i18n/localize.ts";
import { listReadableProjects } from "../../../shared/observe/project-record.ts";
import { observedKeys, observedSets } from "../../../shared/observe/store-keys.ts";
import type { KeptProject, KeptProjectsRead } from "../../../shared/observe/stored-records.ts";
import { comparePriorities, type KeptItem } from "../../../shared/task/snapshot.ts";
import { type Task, toTask } from "../../../shared/work/tasks/find-task.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import type { CommandContext } from "./command.ts";

/** Maximum number of open tasks in one reply: about as many as people would page through. */
const OPEN_TASK_LIMIT = 1_000;

/** Reads the observed projects, sorted by name. */
export async function readFollowedProjects({ deps }: CommandContext): Promise<KeptProject[]> {
  return (await listReadableProjects(deps)).toSorted((a, b) => a.name.localeCompare(b.name, "en"));
}

/** Sorts by priority, then by due date, then by key. */
export function compareByUrgency(a: Task, b: Task): number {
  const [left, right] = [a.item.snapshot, b.item.snapshot];
  return (
    comparePriorities(left, right) ||
    (left.due ?? "9").localeCompare(right.due ?? "9", "en") ||
    a.project.identifier.localeCompare(b.project.identifier, "en") ||
    left.sequence - right.sequence
  );
}

/** Reads up to `OPEN_TASK_LIMIT` open tasks of these projects from the store, without a request to Plane. */
export async function readOpenTasks({ deps }: CommandContext, projects: readonly KeptProject[]): Promise<Task[]> {
  const tasks: Task[] = [];
  for (const project of projects) {
    if (tasks.length >= OPEN_TASK_LIMIT) break;
    const { rows } = await deps.store.scan<KeptItem>(
      observedSets.open(project.id),
      undefined,
      OPEN_TASK_LIMIT - tasks.length,
    );
    tasks.push(...rows.map(({ value, rev }) => toTask(deps, value, rev, project)));
  }
  return tasks.sort(compareByUrgency);
}

/** Renders the age of the data: the time since Plane was last read. */
export async function renderDataAge({ deps, presentation: { texts } }: CommandContext) {
  const [[read], now] = await Promise.all([
    deps.store.read<KeptProjectsRead>([observedKeys.projectsRead]),
    deps.store.now(),
  ]);
  const { answers, locale } = texts;
  if (!read) return fillTemplate(`🕓 ${answers.neverRead}`, {});
  return fillTemplate(`🕓 ${answers.lastRead}`, { age: localizeDuration(locale, now - read.value.at) });
}
