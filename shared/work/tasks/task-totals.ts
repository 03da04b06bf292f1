import type { Deps } from "../../app/deps.ts";
import { listReadableProjects } from "../../observe/project-record.ts";
import { observedSets } from "../../observe/store-keys.ts";
import type { Store } from "../../store/port.ts";
import { scanPages } from "../../store/scan-set.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import { DAY, isRecent, MINUTE, type Ms } from "../../time.ts";
import { workKeys } from "../context/work-keys.ts";
import { countTasks } from "./count-tasks.ts";
import { isInReview } from "./is-in-review.ts";

/** Number of tasks of one kind. */
export interface TaskTotal {
  /** `ONB` */
  project: string;
  /** A status of an open task, `in_review` for one that waits for a review, or `closed`: done or cancelled. */
  status: string;
  count: number;
}

/** The numbers of tasks, as the metrics show them. */
export interface KeptTaskTotals {
  /** Store time. */
  at: Ms;
  /** All tasks. */
  projects: TaskTotal[];
  /** The agents' open tasks. A task of two agents counts for both. */
  agents: (TaskTotal & { agent: string })[];
}

/** Interval between readings: 2 min, because they read all open tasks. */
const INTERVAL_MS: Ms = 2 * MINUTE;

/** Every status that an open task can have here; each is counted, so that a number falls to 0 and does not vanish. */
const OPEN_STATUSES = ["todo", "in_progress", "blocked", "in_review"] as const;

/** Counts the tasks by project and status and by agent and stores it for the metrics, unless that was done a moment ago. */
export async function refreshTaskTotals(deps: Pick<Deps, "store" | "settings">): Promise<void> {
  const [[stored], now] = await Promise.all([deps.store.read<KeptTaskTotals>([workKeys.taskTotals]), deps.store.now()]);
  if (stored && isRecent(stored.value.at, INTERVAL_MS, now)) return;
  const value: KeptTaskTotals = { at: now, projects: [], agents: [] };
  const known = new Set(deps.settings.agents.map(({ name }) => name));
  for (const project of await listReadableProjects(deps)) {
    const { identifier } = project;
    const open = new Map<string, number>(OPEN_STATUSES.map((status) => [status, 0]));
    const agents = new Map<string, Map<string, number>>();
    for await (const rows of scanPages<KeptItem>(deps, observedSets.open(project.id))) {
      for (const { value: item } of rows) {
        if (item.snapshot.quiet) continue;
        const status = isInReview(item) ? "in_review" : item.snapshot.word;
        addOne(open, status);
        for (const agent of item.owners ?? []) {
          if (!known.has(agent)) continue;
          const counts = agents.get(agent) ?? new Map(OPEN_STATUSES.map((name) => [name, 0]));
          agents.set(agent, addOne(counts, status));
        }
      }
    }
    const { closed } = await countTasks(deps, project);
    for (const [status, count] of open) value.projects.push({ project: identifier, status, count });
    value.projects.push({ project: identifier, status: "closed", count: closed });
    for (const [agent, counts] of agents)
      for (const [status, count] of counts) value.agents.push({ agent, project: identifier, status, count });
  }
  await deps.store.commit({ put: [{ key: workKeys.taskTotals, value, expires: DAY }] });
}

/** Reads the numbers of tasks as of at most three minutes ago; undefined before the first reading. */
export async function readTaskTotals(store: Pick<Store, "read">): Promise<KeptTaskTotals | undefined> {
  return (await store.read<KeptTaskTotals>([workKeys.taskTotals]))[0]?.value;
}

function addOne(counts: Map<string, number>, status: string): Map<string, number> {
  return counts.set(status, (counts.get(status) ?? 0) + 1);
}
