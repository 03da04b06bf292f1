import { sha256Hex } from "../../hashing/sha256-hex.ts";
import { keepDefined } from "../../keep-defined.ts";
import { observedKeys, observedSets } from "../../observe/store-keys.ts";
import type { KeptEdge } from "../../observe/stored-records.ts";
import type { StoreKey } from "../../store/port.ts";
import { readAllRows } from "../../store/scan-set.ts";
import { isBlockingOthers } from "../../task/diff.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import { findKeptTask, type Task } from "../tasks/find-task.ts";
import { publishWorkEvent } from "../tasks/publish-work-event.ts";
import { findDependencyCycles } from "./find-cycles.ts";

/**
 * A current cycle. It is stored before it is reported, so that each new occurrence is reported under its own revision.
 */
interface KeptDependencyCycle {
  /** Plane's ids, each waiting for the next; the first id is repeated at the end. */
  path: string[];
  told?: true;
}

/** Limit of cycles reported in one run; further ones follow in the next run. */
const MAX_REPORTED = 20;

/**
 * Reports dependency cycles to people and the Concierge: once per cycle, and again when a resolved cycle reappears.
 * Works on stored data, without a request to Plane. Returns the number of cycles reported.
 */
export async function reportDependencyCycles(deps: WorkDeps, correlation: string): Promise<number> {
  const waits = await readOpenWaits(deps);
  const cycles = new Map<string, string[]>();
  for (const path of findDependencyCycles(waits)) cycles.set(workKeys.circle(await hashCycle(path)), path);
  for (const { key, rev, value } of await readAllRows<KeptDependencyCycle>(deps, workSets.circles)) {
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

async function publishCycle(deps: WorkDeps, record: StoreKey, path: string[], correlation: string): Promise<boolean> {
  const sets = [workSets.circles];
  const [before] = await deps.store.read<KeptDependencyCycle>([record]);
  if (!before) await deps.store.commit({ expect: [[record, 0]], put: [{ key: record, value: { path }, sets }] });
  const [cycle] = await deps.store.read<KeptDependencyCycle>([record]);
  const tasks = await orderByAge(deps, path);
  const [first] = tasks;
  if (!cycle || cycle.value.told || !first) return false;
  const event = { kind: "circle", path: [...tasks, first].map((task) => task.key) } as const;
  const put = [{ key: record, value: { path, told: true } satisfies KeptDependencyCycle, sets }];
  return (await publishWorkEvent(deps, first, event, correlation, { record, rev: cycle.rev, put })) === "kept";
}

/** Reads the dependency graph of open items. */
async function readOpenWaits(deps: WorkDeps): Promise<Map<string, string[]>> {
  const edges = (await readAllRows<KeptEdge>(deps, observedSets.edges)).map(({ value }) => value);
  const ids = [...new Set(edges.flatMap(({ blocked, blocker }) => [blocked, blocker]))];
  const kept = await deps.store.read<KeptItem>(ids.map(observedKeys.item));
  const open = new Set(ids.filter((_, i) => kept[i] !== undefined && isBlockingOthers(kept[i].value)));
  const waits = new Map<string, string[]>();
  for (const { blocked, blocker } of edges) {
    if (!open.has(blocked) || !open.has(blocker)) continue;
    waits.set(blocked, [...(waits.get(blocked) ?? []), blocker]);
  }
  return waits;
}

/** The tasks of a cycle, each waiting for the next, starting with the oldest. */
async function orderByAge(deps: WorkDeps, path: string[]): Promise<Task[]> {
  const loaded = await Promise.all(path.slice(0, -1).map((id) => findKeptTask(deps, id)));
  const tasks = keepDefined(loaded);
  const ages = tasks.map(({ item }) => item.snapshot.createdAt);
  const first = ages.indexOf([...ages].sort()[0] ?? "");
  return [...tasks.slice(first), ...tasks.slice(0, first)];
}

function isStillCycle(path: string[], waits: Map<string, string[]>): boolean {
  return path.every((id, i) => i === path.length - 1 || (waits.get(id) ?? []).includes(path[i + 1] ?? ""));
}

async function hashCycle(path: string[]): Promise<string> {
  return (await sha256Hex(path.join(" "))).slice(0, 32);
}
