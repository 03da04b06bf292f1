import { sha256Hex } from "../digest.ts";
import type { KeptEdge } from "../observe/kept.ts";
import { keys, sets } from "../observe/keys.ts";
import type { Key } from "../store/port.ts";
import { all } from "../store/walk.ts";
import { holdsOthersUp } from "../task/diff.ts";
import type { KeptItem } from "../task/snapshot.ts";
import type { WorkDeps } from "./acting.ts";
import { announce } from "./announce.ts";
import { circlesIn } from "./circles.ts";
import { keptTask, type Task } from "./find.ts";
import { workKeys, workSets } from "./keys.ts";

/** A circle that there is: first kept, then told, so that each time it is made is told by a name of its own. */
interface KeptCircle {
  /** Plane's ids, each waiting for the next; the first one once more at the end. */
  path: string[];
  told?: true;
}

/** So many circles are told of at one look; more come with the next. */
const MOST = 20;

/**
 * Tells people and the Concierge of tasks that wait for each other in a circle: once per circle, and again when one was
 * undone and made anew. From what is kept; no request to Plane.
 */
export async function reportCircles(deps: WorkDeps, correlation: string): Promise<number> {
  const waits = await openWaits(deps);
  const circles = new Map<string, string[]>();
  for (const path of circlesIn(waits)) circles.set(workKeys.circle(await nameOf(path)), path);
  for (const { key, rev, value } of await all<KeptCircle>(deps, workSets.circles)) {
    if (isClosed(value.path, waits)) continue;
    await deps.store.commit({ expect: [[key, rev]], put: [{ key, value: undefined }] });
  }
  let reported = 0;
  for (const [key, path] of circles) {
    if (reported >= MOST) break;
    if (await tell(deps, key, path, correlation)) reported += 1;
  }
  return reported;
}

async function tell(deps: WorkDeps, record: Key, path: string[], correlation: string): Promise<boolean> {
  const sets = [workSets.circles];
  const [before] = await deps.store.read<KeptCircle>([record]);
  if (!before) await deps.store.commit({ expect: [[record, 0]], put: [{ key: record, value: { path }, sets }] });
  const [kept] = await deps.store.read<KeptCircle>([record]);
  const tasks = await inOrder(deps, path);
  const [first] = tasks;
  if (!kept || kept.value.told || !first) return false;
  const event = { kind: "circle", path: [...tasks, first].map((task) => task.key) } as const;
  const put = [{ key: record, value: { path, told: true } satisfies KeptCircle, sets }];
  return (await announce(deps, first, event, correlation, { record, rev: kept.rev, put })) === "kept";
}

/** Which open items wait for which. */
async function openWaits(deps: WorkDeps): Promise<Map<string, string[]>> {
  const edges = (await all<KeptEdge>(deps, sets.edges)).map(({ value }) => value);
  const ids = [...new Set(edges.flatMap(({ blocked, blocker }) => [blocked, blocker]))];
  const kept = await deps.store.read<KeptItem>(ids.map(keys.item));
  const open = new Set(ids.filter((_, i) => kept[i] !== undefined && holdsOthersUp(kept[i].value)));
  const waits = new Map<string, string[]>();
  for (const { blocked, blocker } of edges) {
    if (!open.has(blocked) || !open.has(blocker)) continue;
    waits.set(blocked, [...(waits.get(blocked) ?? []), blocker]);
  }
  return waits;
}

/** The tasks of a circle, each waiting for the next, beginning with the oldest. */
async function inOrder(deps: WorkDeps, path: string[]): Promise<Task[]> {
  const found = await Promise.all(path.slice(0, -1).map((id) => keptTask(deps, id)));
  const tasks = found.filter((task) => task !== undefined);
  const ages = tasks.map(({ item }) => item.snapshot.createdAt);
  const first = ages.indexOf([...ages].sort()[0] ?? "");
  return [...tasks.slice(first), ...tasks.slice(0, first)];
}

function isClosed(path: string[], waits: Map<string, string[]>): boolean {
  return path.every((id, i) => i === path.length - 1 || (waits.get(id) ?? []).includes(path[i + 1] ?? ""));
}

async function nameOf(path: string[]): Promise<string> {
  return (await sha256Hex(path.join(" "))).slice(0, 32);
}
