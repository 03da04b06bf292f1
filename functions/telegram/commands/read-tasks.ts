import { localizeDuration } from "../../../shared/i18n/localize.ts";
import { listReadableProjects } from "../../../shared/observe/projects.ts";
import { observedKeys, observedSets } from "../../../shared/observe/store-keys.ts";
import type { KeptProject, KeptProjectsRead } from "../../../shared/observe/stored-records.ts";
import { comparePriorities, type KeptItem } from "../../../shared/task/snapshot.ts";
import { type Task, toTask } from "../../../shared/work/tasks/find-task.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import type { CommandContext } from "./command.ts";

/** So many open tasks are looked at for one answer: what people can still page through. */
const OPEN_TASK_LIMIT = 1_000;

/** The projects that are followed, by name. */
export async function readFollowedProjects({ deps }: CommandContext): Promise<KeptProject[]> {
  return (await listReadableProjects(deps)).toSorted((a, b) => a.name.localeCompare(b.name, "en"));
}

/** The most urgent first, then what is due first, then by key. */
export function compareByUrgency(a: Task, b: Task): number {
  const [one, other] = [a.item.snapshot, b.item.snapshot];
  return (
    comparePriorities(one, other) ||
    (one.due ?? "9").localeCompare(other.due ?? "9", "en") ||
    a.project.identifier.localeCompare(b.project.identifier, "en") ||
    one.sequence - other.sequence
  );
}

/** The open tasks of these projects, as many as are looked at. From what is kept: Plane is not asked. */
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

/** How many of a project's tasks are closed (done or cancelled). */
export async function countTasks(
  { deps: { store } }: CommandContext,
  { id }: KeptProject,
): Promise<{ closed: number; total: number }> {
  const [total, open] = await Promise.all([store.count(observedSets.items(id)), store.count(observedSets.open(id))]);
  return { closed: total - open, total };
}

/** How old what is told is: when Plane was last read. */
export async function renderDataAge({ deps, presentation: { texts } }: CommandContext) {
  const [[read], now] = await Promise.all([
    deps.store.read<KeptProjectsRead>([observedKeys.projectsRead]),
    deps.store.now(),
  ]);
  const { answers, locale } = texts;
  if (!read) return fillTemplate(`🕓 ${answers.neverRead}`, {});
  return fillTemplate(`🕓 ${answers.lastRead}`, { age: localizeDuration(locale, now - read.value.at) });
}
