/**
 * A task whose blocker was cancelled, or is itself blocked, is blocked with a comment that says why, and returns to
 * todo when that no longer holds. Tasks that wait for each other in a circle are reported once.
 */

import type { StoreDeps, TaskDeps } from "../app/deps.ts";
import { sha256Hex } from "../hashing.ts";
import { formatTemplate } from "../i18n/localize.ts";
import { type CommentTexts, getTexts } from "../i18n/texts.ts";
import { createWorkJob, toLabelsLane } from "../jobs/internal-jobs.ts";
import { escapeHtml } from "../markdown/plain-text.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { PlaneNotFoundError } from "../plane/errors.ts";
import type { BlockCauses, DependencyBlockRecord, EdgeRecord, Task } from "../records/plane-records.ts";
import { observedKeys, observedSets, workKeys, workSets } from "../records/store-keys.ts";
import type { Put, StoreKey } from "../store/port.ts";
import { readAllRows } from "../store/records.ts";
import { findDependencyCycles } from "../sync/dependency-edges.ts";
import { type ItemRecord, isBlockingOthers, isOpenItem, type Status } from "../task/snapshot.ts";
import { isManaged } from "./access.ts";
import { type CallContext, createCallContext, SYSTEM_CALLER } from "./call-context.ts";
import { moveToStatus } from "./change-task.ts";
import { findStoredTask } from "./find-task.ts";
import { postComment } from "./post-comment.ts";
import { publishWorkEvent } from "./work-events.ts";

type BlockStep = "nothing" | "block" | "release" | "override" | "forget";

/** A task with its stored record, and the step that follows from both. */
type BlockState = Awaited<ReturnType<typeof readBlockState>>;

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

/** Queues a job for each of the items that must be blocked or released. Makes no request to Plane. */
export async function queueResolveBlocked(deps: TaskDeps, ids: Iterable<string>, correlation: string): Promise<void> {
  if (deps.settings.agents.length === 0) return;
  for (const id of ids) {
    if ((await readBlockState(deps, id)).step === "nothing") continue;
    const body = { type: "resolve_blocked", item: id, correlation } as const;
    const job = createWorkJob(`resolve_blocked:${id}:${correlation}`, toLabelsLane(id), body);
    await deps.store.commit({ jobs: [job] });
    deps.notify();
  }
}

/** Reads the stored state of a task and chooses its next step. Makes no request to Plane. */
async function readBlockState(deps: TaskDeps, id: string) {
  const [task, [stored]] = await Promise.all([
    findStoredTask(deps, id),
    deps.store.read<DependencyBlockRecord>([observedKeys.dependencyBlock(id)]),
  ]);
  const isOpenTask = task !== undefined && isOpenItem(task.item);
  const causes = isOpenTask ? await findBlockCauses(deps, id) : {};
  const block = stored?.value;
  const wanted: BlockStep = isOpenTask
    ? chooseStep(task.item.snapshot.status, block, causes)
    : block
      ? "forget"
      : "nothing";
  // A task that was there before keeps its state until an agent works on it; a block that was begun is completed.
  const isNewBlock = wanted === "block" && block?.phase !== "blocking";
  const step = isNewBlock && task && !(await isManaged(deps, task)) ? "nothing" : wanted;
  return { step, id, ...omitUndefined({ task, block }), rev: stored?.rev ?? 0, causes };
}

/**
 * Finds the blockers because of which a task must be blocked: those that were cancelled or are themselves in a blocked
 * state. A blocker that merely waits for an open task does not count. Neither does one that was blocked only because of
 * this task, directly or through others, or because of closed tasks: in a cycle they would keep each other blocked
 * forever.
 */
async function findBlockCauses(deps: StoreDeps, id: string): Promise<BlockCauses> {
  const edges = await readAllRows<EdgeRecord>(deps, observedSets.blockers(id));
  const causes: BlockCauses = {};
  for (const { value } of edges) {
    const cause = await findBlockCause(deps, value.blocker, new Set([id]));
    if (cause) causes[value.blocker] = cause;
  }
  return causes;
}

/** Why a blocker cannot be completed; tasks in `visited` do not count as causes for each other. */
async function findBlockCause(deps: StoreDeps, blocker: string, visited: Set<string>) {
  if (visited.has(blocker)) return undefined;
  visited.add(blocker);
  const [[item], [block]] = await Promise.all([
    deps.store.read<ItemRecord>([observedKeys.item(blocker)]),
    deps.store.read<DependencyBlockRecord>([observedKeys.dependencyBlock(blocker)]),
  ]);
  if (!item || item.value.removedAt !== undefined) return undefined;
  const { status } = item.value.snapshot;
  if (status === "cancelled") return status;
  if (status !== "blocked" || block?.value.phase === "releasing") return undefined;
  // A person or an agent has blocked it, not Groundcrew because of its blockers.
  if (!block || block.value.phase === "overridden") return status;
  for (const other of Object.keys(block.value.causes)) if (await findBlockCause(deps, other, visited)) return status;
  return undefined;
}

function chooseStep(status: Status, block: DependencyBlockRecord | undefined, causes: BlockCauses): BlockStep {
  const hasCauses = Object.keys(causes).length > 0;
  const hasNewCauses = Object.keys(causes).some((blocker) => !block?.causes[blocker]);
  switch (block?.phase) {
    case undefined:
      // A task that a person or an agent has blocked already stays as it is.
      return hasCauses && status !== "blocked" ? "block" : "nothing";
    case "blocking":
      return hasCauses ? "block" : "release";
    case "blocked":
      if (status !== "blocked") return hasCauses ? "override" : "forget";
      return !hasCauses ? "release" : hasNewCauses ? "block" : "nothing";
    case "releasing":
      return "release";
    case "overridden":
      if (!hasCauses) return "forget";
      return hasNewCauses && status !== "blocked" ? "block" : "nothing";
  }
}

/**
 * Does the same for all dependants and blocked tasks, from stored state, so that the effects of lost jobs are repaired.
 */
export async function queueResolveAllBlocked(deps: TaskDeps, correlation: string): Promise<void> {
  if (deps.settings.agents.length === 0) return;
  const [edges, block] = await Promise.all([
    readAllRows<EdgeRecord>(deps, observedSets.edges),
    readAllRows<DependencyBlockRecord>(deps, workSets.blockedByDependency),
  ]);
  const blockers = await deps.store.read<ItemRecord>(edges.map(({ value }) => observedKeys.item(value.blocker)));
  const blockingEdges = edges.filter((_, i) =>
    ["blocked", "cancelled"].includes(blockers[i]?.value.snapshot.status ?? ""),
  );
  const ids = [...blockingEdges.map(({ value }) => value.blocked), ...block.map(({ value }) => value.item)];
  await queueResolveBlocked(deps, new Set(ids), correlation);
}

/**
 * Blocks an open task whose blocker was cancelled or is itself blocked, with a comment that says why, and notifies
 * people and the Concierge. Returns it to todo when that no longer holds. An interrupted run continues where it
 * stopped.
 */
export async function resolveBlocked(deps: TaskDeps, { item, correlation }: { item: string; correlation: string }) {
  const context = createCallContext(deps, SYSTEM_CALLER, correlation);
  try {
    // New causes may appear meanwhile, so the state is read after each step.
    while (await takeStep(context, await readBlockState(deps, item)));
  } catch (thrown) {
    // The item was deleted in Plane; the next poll of the project observes that.
    if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
  }
}

/** Takes one step; false when nothing is left to do. Each phase is stored before its effects begin. */
async function takeStep(context: CallContext, state: BlockState): Promise<boolean> {
  const { deps, correlation } = context;
  const { step, id, task, block, rev, causes } = state;
  if (step === "nothing") return false;
  const record = observedKeys.dependencyBlock(id);
  if (step === "block" && task && block?.phase === "blocking" && hasSameCauses(block.causes, causes)) {
    const { newCause = Object.keys(causes)[0] ?? "", ...rest } = block;
    const blocked = await blockTask(context, block, task);
    const blocker = (await findStoredTask(deps, newCause))?.key ?? "?";
    const event = { kind: "stuck", blocker, why: causes[newCause] ?? "blocked" } as const;
    const put = [toBlockPut(id, { ...rest, phase: "blocked" })];
    await publishWorkEvent(deps, blocked, event, correlation, { record, rev, put });
    return true;
  }
  if (task && block?.phase === "releasing") await releaseTask(context, block, task);
  const put = [toBlockPut(id, toNextPhase(deps, state))];
  await deps.store.commit({ expect: [[record, rev]], put });
  return true;
}

/** The record that a step stores; undefined deletes it. */
function toNextPhase(
  { newId }: Pick<TaskDeps, "newId">,
  { step, id, block, causes }: BlockState,
): DependencyBlockRecord | undefined {
  if (step === "block") {
    const newCause = Object.keys(causes).find((blocker) => !block?.causes[blocker]);
    const episode = block && (block.phase === "blocking" || block.phase === "blocked") ? block.episode : newId();
    return { item: id, phase: "blocking", causes, episode, ...omitUndefined({ newCause }) };
  }
  if (!block || step === "forget" || block.phase === "releasing") return undefined;
  return step === "release" ? { ...block, phase: "releasing" } : { ...block, phase: "overridden", causes };
}

function hasSameCauses(a: BlockCauses, b: BlockCauses): boolean {
  const blockers = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...blockers].every((blocker) => a[blocker] === b[blocker]);
}

function toBlockPut(item: string, block: DependencyBlockRecord | undefined): Put {
  const key = observedKeys.dependencyBlock(item);
  return block ? { key, value: block, sets: [workSets.blockedByDependency] } : { key, value: undefined };
}

async function blockTask(context: CallContext, { causes, episode }: DependencyBlockRecord, task: Task): Promise<Task> {
  const blocked = await moveToStatus(context, task, "blocked");
  for (const [id, cause] of Object.entries(causes)) {
    const { comments } = getTexts(context.deps.settings.locale);
    const blocker = renderTaskName(comments, await findStoredTask(context.deps, id));
    const html = `<p>${formatTemplate(comments.blockedByTask[cause], { blocker })}</p>`;
    await postComment(context, blocked, `stuck:${episode}:${id}`, html);
  }
  return blocked;
}

function renderTaskName({ deletedTask }: Pick<CommentTexts, "deletedTask">, task: Task | undefined): string {
  if (!task) return deletedTask;
  return `<strong>${escapeHtml(task.key)}</strong> ${escapeHtml(task.item.snapshot.name)}`;
}

async function releaseTask(context: CallContext, { causes, episode }: DependencyBlockRecord, task: Task) {
  const released = task.item.snapshot.status === "blocked" ? await moveToStatus(context, task, "todo") : task;
  const { comments } = getTexts(context.deps.settings.locale);
  const blockers = await Promise.all(Object.keys(causes).map((id) => findStoredTask(context.deps, id)));
  const names = blockers.map((blocker) => {
    const name = renderTaskName(comments, blocker);
    return blocker?.item.snapshot.status === "done" ? formatTemplate(comments.doneTask, { task: name }) : name;
  });
  const html = `<p>${formatTemplate(comments.unblocked, { blockers: names.join(", ") })}</p>`;
  await postComment(context, released, `released:${episode}`, html);
}

/**
 * Reports dependency cycles to people and the Concierge: once per cycle, and again when a resolved cycle reappears.
 * Works on stored data, without a request to Plane. Returns the number of cycles reported.
 */
export async function reportDependencyCycles(deps: TaskDeps, correlation: string): Promise<number> {
  const waits = await readOpenWaits(deps);
  const cycles = new Map<string, string[]>();
  for (const path of findDependencyCycles(waits)) {
    const hash = (await sha256Hex(path.join(" "))).slice(0, 32);
    cycles.set(workKeys.dependencyCycle(hash), path);
  }
  for (const { key, rev, value } of await readAllRows<DependencyCycleRecord>(deps, workSets.dependencyCycles)) {
    const isOver = value.path.some((id, i) => i > 0 && !waits.get(value.path[i - 1] ?? "")?.includes(id));
    if (!isOver) continue;
    await deps.store.commit({ expect: [[key, rev]], put: [{ key, value: undefined }] });
  }
  let reported = 0;
  for (const [key, path] of cycles) {
    if (reported >= MAX_REPORTED) break;
    if (await publishCycle(deps, key, path, correlation)) reported += 1;
  }
  return reported;
}

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
