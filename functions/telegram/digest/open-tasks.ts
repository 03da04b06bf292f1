import { DECISION_LOG_MS, type DecisionRecord, itemDecisionSetKey } from "../../../shared/decision-log/decision-log.ts";
import { listReadableProjects } from "../../../shared/observe/project-record.ts";
import { observedSets } from "../../../shared/observe/store-keys.ts";
import { scanRows } from "../../../shared/store/scan-set.ts";
import { isBlocked } from "../../../shared/task/diff.ts";
import type { KeptItem } from "../../../shared/task/snapshot.ts";
import type { Ms } from "../../../shared/time.ts";
import { findStatusAttempt } from "../../../shared/work/lifecycle/status-attempt.ts";
import { type Task, toTask } from "../../../shared/work/tasks/find-task.ts";
import { readOpenBlockers } from "../../../shared/work/tasks/open-blockers.ts";
import type { DigestDeps } from "./completed-tasks.ts";

/** Start of a state; `before` if it is older than the decision log. */
export type SinceTime = { at: Ms } | { before: Ms };

export interface BlockedTask {
  task: Task;
  since: SinceTime;
  /** Keys of the open blockers. */
  blockers: string[];
}

/** Open tasks that need attention today. */
export interface OpenToday {
  blocked: BlockedTask[];
  due: Task[];
  overdue: Task[];
}

/** Reads the open tasks of all projects that are blocked (and since when), due on this calendar day, or overdue. */
export async function readOpenToday(deps: DigestDeps, date: string, now: Ms): Promise<OpenToday> {
  const blockedTasks: Task[] = [];
  const dueTasks: Task[] = [];
  for (const project of await listReadableProjects(deps)) {
    for await (const { value, rev } of scanRows<KeptItem>(deps, observedSets.open(project.id))) {
      const { due } = value.snapshot;
      if (isBlocked(value)) blockedTasks.push(toTask(deps, value, rev, project));
      if (due !== null && due <= date) dueTasks.push(toTask(deps, value, rev, project));
    }
  }
  const names = await readOpenBlockers(
    deps,
    blockedTasks.map(({ item }) => item),
  );
  const blocked: BlockedTask[] = [];
  for (const task of blockedTasks) {
    const blockers = task.item.blockers.map((id) => names.get(id)?.key ?? "?");
    blocked.push({ task, blockers, since: await findBlockedSince(deps, task, now) });
  }
  const isToday = ({ item }: Task) => item.snapshot.due === date;
  return {
    blocked: blocked.sort((a, b) => toSinceMs(a.since) - toSinceMs(b.since)),
    due: dueTasks.filter(isToday),
    overdue: dueTasks.sort(compareByDue).filter((task) => !isToday(task)),
  };
}

async function findBlockedSince(deps: DigestDeps, { id, project }: Task, now: Ms): Promise<SinceTime> {
  const { rows } = await deps.store.scan<DecisionRecord>(itemDecisionSetKey(id));
  const last = rows.find(({ value }) => value.event.kind === "blocked" || value.event.kind === "unblocked");
  if (last?.value.event.kind === "blocked") return { at: last.value.at };
  const attempt = await findStatusAttempt(deps, id);
  if (attempt?.status === "blocked") return { at: attempt.at };
  return { before: Math.max(now - DECISION_LOG_MS, Date.parse(project.began)) };
}

const toSinceMs = (since: SinceTime): Ms => ("at" in since ? since.at : since.before);

const compareByDue = ({ item: a }: Task, { item: b }: Task) =>
  (a.snapshot.due ?? "") < (b.snapshot.due ?? "") ? -1 : 1;
