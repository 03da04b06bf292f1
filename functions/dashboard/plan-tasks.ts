import { observedKeys, observedSets } from "../../shared/observe/store-keys.ts";
import type { KeptEdge, KeptProject } from "../../shared/observe/stored-records.ts";
import type { Store } from "../../shared/store/port.ts";
import { readAllRows } from "../../shared/store/scan-set.ts";
import { isOpenItem } from "../../shared/task/diff.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";
import { countTasks } from "../../shared/work/tasks/count-tasks.ts";
import { readOpenItems } from "./board-items.ts";
import type { Dependency } from "./plan-graph/break-cycles.ts";

/** Limit of a project's tasks up to which its finished tasks are part of the picture; in larger ones they are folded. */
export const MAX_TASKS_WITH_FINISHED = 120;

/** Limit of blockers from other projects, and of finished ones, that are read for one picture. */
const MAX_OTHER_ITEMS = 500;

/** A project's tasks with what they wait for. */
export interface ProjectTasks {
  /** By id: its open tasks, its finished ones unless they are folded, and tasks of other projects that block it. */
  items: ReadonlyMap<string, KeptItem>;
  dependencies: Dependency[];
  /** Number of all its tasks, and of those that are done or cancelled. */
  total: number;
  closed: number;
  /** Number of finished tasks that were not read, and of open ones beyond the limit. */
  folded: number;
  beyond: number;
  /** Number of tasks whose dependencies the first look at Plane has not read yet. */
  unread: number;
}

/** Reads the tasks of a project and their dependencies. The number of reads is bounded for a project of any size. */
export async function readProjectTasks(
  { store }: { store: Pick<Store, "scan" | "count" | "read"> },
  project: KeptProject,
): Promise<ProjectTasks> {
  const { total, closed } = await countTasks({ store }, project);
  const hasFinished = total <= MAX_TASKS_WITH_FINISHED;
  const open = await readOpenItems(store, [project]);
  const all = hasFinished
    ? (await readAllRows<KeptItem>({ store }, observedSets.items(project.id))).map(({ value }) => value)
    : open.items;
  const items = new Map(all.map((item) => [item.snapshot.id, item]));
  const dependencies = all.flatMap(({ snapshot, blockers }) => blockers.map((from) => ({ from, to: snapshot.id })));
  if (hasFinished)
    for (const id of items.keys())
      for (const { value } of await readAllRows<KeptEdge>({ store }, observedSets.blockers(id)))
        if (!value.absent) dependencies.push({ from: value.blocker, to: id });
  const others = [...new Set(dependencies.map(({ from }) => from))].filter((id) => !items.has(id));
  const kept = await store.read<KeptItem>(others.slice(0, MAX_OTHER_ITEMS).map(observedKeys.item));
  for (const record of kept)
    if (record && record.value.gone === undefined) items.set(record.value.snapshot.id, record.value);
  return {
    items,
    dependencies: dependencies.filter(({ from }) => items.has(from)),
    total,
    closed,
    folded: hasFinished ? 0 : closed,
    beyond: open.beyond,
    unread: all.filter((item) => isOpenItem(item) && item.blockersUnknown).length,
  };
}
