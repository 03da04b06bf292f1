import { sets } from "../../../shared/observe/keys.ts";
import { readableProjects } from "../../../shared/observe/projects.ts";
import type { Ms } from "../../../shared/store/port.ts";
import { walk } from "../../../shared/store/walk.ts";
import { isBlocked } from "../../../shared/task/diff.ts";
import type { KeptItem } from "../../../shared/task/snapshot.ts";
import { itemTrail, TRAIL_MS, type Why } from "../../../shared/why/trail.ts";
import { attemptOf } from "../../../shared/work/attempt.ts";
import { blockersOf } from "../../../shared/work/blockers.ts";
import { type Task, taskOf } from "../../../shared/work/find.ts";
import type { DigestDeps } from "./done.ts";

/** Since when something is so; `before`: longer than anything is remembered. */
export type Since = { at: Ms } | { before: Ms };

export interface BlockedTask {
  task: Task;
  since: Since;
  /** Keys of what it waits for. */
  blockers: string[];
}

/** What is open and wants somebody's eye today. */
export interface OpenToday {
  blocked: BlockedTask[];
  due: Task[];
  overdue: Task[];
}

/** The open tasks of all projects: blocked ones and since when, those due on this calendar day and before it. */
export async function openOn(deps: DigestDeps, date: string, now: Ms): Promise<OpenToday> {
  const stuck: Task[] = [];
  const dated: Task[] = [];
  for (const project of await readableProjects(deps)) {
    for await (const { value, rev } of walk<KeptItem>(deps, sets.open(project.id))) {
      const { due } = value.snapshot;
      if (isBlocked(value)) stuck.push(taskOf(deps, value, rev, project));
      if (due !== null && due <= date) dated.push(taskOf(deps, value, rev, project));
    }
  }
  const names = await blockersOf(
    deps,
    stuck.map(({ item }) => item),
  );
  const blocked: BlockedTask[] = [];
  for (const task of stuck) {
    const blockers = task.item.blockers.map((id) => names.get(id)?.key ?? "?");
    blocked.push({ task, blockers, since: await blockedSince(deps, task, now) });
  }
  const isToday = ({ item }: Task) => item.snapshot.due === date;
  return {
    blocked: blocked.sort((a, b) => began(a.since) - began(b.since)),
    due: dated.filter(isToday),
    overdue: dated.sort(byDue).filter((task) => !isToday(task)),
  };
}

async function blockedSince(deps: DigestDeps, { id, project }: Task, now: Ms): Promise<Since> {
  const { rows } = await deps.store.scan<Why>(itemTrail(id));
  const last = rows.find(({ value }) => value.event.kind === "blocked" || value.event.kind === "unblocked");
  if (last?.value.event.kind === "blocked") return { at: last.value.at };
  const attempt = await attemptOf(deps, id);
  if (attempt?.status === "blocked") return { at: attempt.at };
  return { before: Math.max(now - TRAIL_MS, Date.parse(project.began)) };
}

const began = (since: Since): Ms => ("at" in since ? since.at : since.before);

const byDue = ({ item: a }: Task, { item: b }: Task) => ((a.snapshot.due ?? "") < (b.snapshot.due ?? "") ? -1 : 1);
