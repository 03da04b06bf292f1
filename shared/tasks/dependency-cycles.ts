/**
 * Tasks that wait for each other in a circle, reported once to people and the Concierge.
 */

import type { TaskDeps } from "../app/deps.ts";
import { sha256Hex } from "../hashing.ts";
import { keepDefined } from "../omit-undefined.ts";
import type { EdgeRecord, Task } from "../records/plane-records.ts";
import { observedKeys, observedSets, workKeys, workSets } from "../records/store-keys.ts";
import type { StoreKey } from "../store/port.ts";
import { readAllRows } from "../store/records.ts";
import { findDependencyCycles } from "../sync/dependency-edges.ts";
import { type ItemRecord, isBlockingOthers } from "../task/snapshot.ts";
import { findStoredTask } from "./find-task.ts";
import { publishWorkEvent } from "./work-events.ts";

/**
 * A current cycle. It is stored before it is reported, so that each new occurrence is reported under its own revision.
 */
interface DependencyCycleRecord {
  /** Plane's ids, each waiting for the next; the first id is repeated at the end. */
  path: string[];
  isReported?: true;
}

/** Limit of cycles reported in one run; further ones follow in the next run. */
const MAX_REPORTED = 20;

/**
 * Reports dependency cycles to people and the Concierge: once per cycle, and again when a resolved cycle reappears.
 * Works on stored data, without a request to Plane. Returns the number of cycles reported.
 */
export async function reportDependencyCycles(deps: TaskDeps, correlation: string): Promise<number> {
  const waits = await readOpenWaits(deps);
  const cycles = new Map<string, string[]>();
  for (const path of findDependencyCycles(waits)) cycles.set(workKeys.dependencyCycle(await hashCycle(path)), path);
  for (const { key, rev, value } of await readAllRows<DependencyCycleRecord>(deps, workSets.dependencyCycles)) {
    if (isStillCycle(value.path, waits)) continue;
    await deps.store.commit({ expect: [[key, rev]], put: [{ key, value: undefined }] });
  }
  let reported = 0;
  for (const [key, path] of cycles) {
    if (reported >= MAX_REPORTED) break;
    if (await publishCycle(deps, key, path, correlation)) reported += 1;
  }
  return reported;
}

/** Reads the dependency graph of open items. */
async function readOpenWaits(deps: TaskDeps): Promise<Map<string, string[]>> {
  const edges = (await readAllRows<EdgeRecord>(deps, observedSets.edges)).map(({ value }) => value);
  const ids = [...new Set(edges.flatMap(({ blocked, blocker }) => [blocked, blocker]))];
  const stored = await deps.store.read<ItemRecord>(ids.map(observedKeys.item));
  const open = new Set(ids.filter((_, i) => stored[i] !== undefined && isBlockingOthers(stored[i].value)));
  const waits = new Map<string, string[]>();
  for (const { blocked, blocker } of edges) {
    if (!open.has(blocked) || !open.has(blocker)) continue;
    waits.set(blocked, [...(waits.get(blocked) ?? []), blocker]);
  }
  return waits;
}

async function hashCycle(path: string[]): Promise<string> {
  return (await sha256Hex(path.join(" "))).slice(0, 32);
}

function isStillCycle(path: string[], waits: Map<string, string[]>): boolean {
  return path.every((id, i) => i === path.length - 1 || (waits.get(id) ?? []).includes(path[i + 1] ?? ""));
}

async function publishCycle(deps: TaskDeps, record: StoreKey, path: string[], correlation: string): Promise<boolean> {
  const sets = [workSets.dependencyCycles];
  const [before] = await deps.store.read<DependencyCycleRecord>([record]);
  if (!before) await deps.store.commit({ expect: [[record, 0]], put: [{ key: record, value: { path }, sets }] });
  const [cycle] = await deps.store.read<DependencyCycleRecord>([record]);
  const tasks = await orderByAge(deps, path);
  const [first] = tasks;
  if (!cycle || cycle.value.isReported || !first) return false;
  const event = { kind: "circle", path: [...tasks, first].map((task) => task.key) } as const;
  const put = [{ key: record, value: { path, isReported: true } satisfies DependencyCycleRecord, sets }];
  return (await publishWorkEvent(deps, first, event, correlation, { record, rev: cycle.rev, put })) === "committed";
}

/** The tasks of a cycle, each waiting for the next, starting with the oldest. */
async function orderByAge(deps: TaskDeps, path: string[]): Promise<Task[]> {
  const loaded = await Promise.all(path.slice(0, -1).map((id) => findStoredTask(deps, id)));
  const tasks = keepDefined(loaded);
  const ages = tasks.map(({ item }) => item.snapshot.createdAt);
  const first = ages.indexOf([...ages].sort()[0] ?? "");
  return [...tasks.slice(first), ...tasks.slice(0, first)];
}
