import type { KeptProject, KeptProjectsRead } from "../../../shared/observe/kept.ts";
import { keys, sets } from "../../../shared/observe/keys.ts";
import { readableProjects } from "../../../shared/observe/projects.ts";
import { byUrgency, type KeptItem } from "../../../shared/task/snapshot.ts";
import { type Task, taskOf } from "../../../shared/work/find.ts";
import type { Heard } from "../handler.ts";
import { duration, filled } from "../locales/say.ts";

/** So many open tasks are looked at for one answer: what people can still page through. */
const OPEN = 1_000;

/** The projects that are followed, by name. */
export async function projectsOf({ deps }: Heard): Promise<KeptProject[]> {
  return (await readableProjects(deps)).toSorted((a, b) => a.name.localeCompare(b.name, "en"));
}

/** The most urgent first, then what is due first, then by key. */
export function inOrder(a: Task, b: Task): number {
  const [one, other] = [a.item.snapshot, b.item.snapshot];
  return (
    byUrgency(one, other) ||
    (one.due ?? "9").localeCompare(other.due ?? "9", "en") ||
    a.project.identifier.localeCompare(b.project.identifier, "en") ||
    one.sequence - other.sequence
  );
}

/** The open tasks of these projects, as many as are looked at. From what is kept: Plane is not asked. */
export async function openTasks({ deps }: Heard, projects: readonly KeptProject[]): Promise<Task[]> {
  const tasks: Task[] = [];
  for (const project of projects) {
    if (tasks.length >= OPEN) break;
    const { rows } = await deps.store.scan<KeptItem>(sets.open(project.id), undefined, OPEN - tasks.length);
    tasks.push(...rows.map(({ value, rev }) => taskOf(deps, value, rev, project)));
  }
  return tasks.sort(inOrder);
}

/** How many of a project's tasks are closed (done or cancelled). */
export async function progressOf(
  { deps: { store } }: Heard,
  { id }: KeptProject,
): Promise<{ closed: number; total: number }> {
  const [total, open] = await Promise.all([store.count(sets.items(id)), store.count(sets.open(id))]);
  return { closed: total - open, total };
}

/** How old what is told is: when Plane was last read. */
export async function ageOf({ deps, look: { texts } }: Heard) {
  const [[read], now] = await Promise.all([deps.store.read<KeptProjectsRead>([keys.projectsRead]), deps.store.now()]);
  const { answers, locale } = texts;
  if (!read) return filled(`🕓 ${answers.unread}`, {});
  return filled(`🕓 ${answers.read}`, { age: duration(locale, now - read.value.at) });
}
