import { formatTemplate } from "../../i18n/template.ts";
import type { CommentTexts } from "../../i18n/texts/comment-texts.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import { createWorkJob } from "../../jobs/work-jobs.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import { readDependantIds } from "../../observe/dependency-edges.ts";
import { observedKeys, observedSets } from "../../observe/store-keys.ts";
import type { KeptEdge } from "../../observe/stored-records.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { PlaneNotFoundError } from "../../plane/errors.ts";
import type { Revision } from "../../store/port.ts";
import { readAllRows } from "../../store/scan-set.ts";
import { isOpen } from "../../task/diff.ts";
import type { KeptItem, Status } from "../../task/snapshot.ts";
import { moveToStatus } from "../changes/move-to-status.ts";
import { postComment } from "../comments/post-comment.ts";
import { type CallContext, createCallContext, type WorkDeps } from "../context/call-context.ts";
import { SYSTEM_CALLER } from "../context/caller.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import { findKeptTask, type Task } from "../tasks/find-task.ts";
import { publishWorkEvent } from "../tasks/publish-work-event.ts";
import { type BlockCauses, findBlockCauses } from "./block-causes.ts";

/** A task that was blocked because of what it waits for (OPENCLAW-14). */
export interface KeptStuck {
  item: string;
  /**
   * On the way there, there, on the way back; `excused`: people moved it out of Blocked by hand, and it is not blocked
   * for these blockers again.
   */
  phase: "blocking" | "stuck" | "releasing" | "excused";
  for: BlockCauses;
  /** Names this time in the comments about it: a comment is written once. */
  episode: string;
}

interface ItemJob {
  item: string;
  correlation: string;
}

type BlockStep = "nothing" | "block" | "release" | "excuse" | "forget";

/** This item was cancelled or blocked: those who wait for it are looked at. */
export async function blockDependants(deps: WorkDeps, { item, correlation }: ItemJob): Promise<void> {
  await queueResolveBlocked(deps, await readDependantIds(deps, item), correlation);
}

/** This item goes on, or is done: so are those who wait for it, and it itself, if people moved it. */
export async function unblockDependants(deps: WorkDeps, { item, correlation }: ItemJob): Promise<void> {
  await queueResolveBlocked(deps, [item, ...(await readDependantIds(deps, item))], correlation);
}

/** Queues what is to be done about those of the items that are to be blocked or released. No request to Plane. */
export async function queueResolveBlocked(deps: WorkDeps, ids: Iterable<string>, correlation: string): Promise<void> {
  if (deps.settings.agents.length === 0) return;
  for (const id of ids) {
    const { step } = await readBlockState(deps, id);
    if (step === "nothing") continue;
    const job = createWorkJob(`settle:${id}:${correlation}`, `stuck:${id}`, { do: "settle", item: id, correlation });
    await deps.store.commit({ jobs: [job] });
    deps.kick();
  }
}

/** The same for everything that waits or was blocked for it, from state: heals what a lost job left (rule 10). */
export async function queueResolveAllBlocked(deps: WorkDeps, correlation: string): Promise<void> {
  if (deps.settings.agents.length === 0) return;
  const [edges, stuck] = await Promise.all([
    readAllRows<KeptEdge>(deps, observedSets.edges),
    readAllRows<KeptStuck>(deps, workSets.stuck),
  ]);
  const blockers = await deps.store.read<KeptItem>(edges.map(({ value }) => observedKeys.item(value.blocker)));
  const inVain = edges.filter((_, i) => ["blocked", "cancelled"].includes(blockers[i]?.value.snapshot.word ?? ""));
  const ids = [...inVain.map(({ value }) => value.blocked), ...stuck.map(({ value }) => value.item)];
  await queueResolveBlocked(deps, new Set(ids), correlation);
}

/**
 * Blocks an open task whose blocker was cancelled or is itself blocked, with a comment that says why, and tells people
 * and the Concierge; releases it to todo when that is over. Begun and cut off, it goes on where it was.
 */
export async function resolveBlocked(deps: WorkDeps, { item, correlation }: ItemJob): Promise<void> {
  const context = createCallContext(deps, SYSTEM_CALLER, correlation);
  for (;;) {
    const state = await readBlockState(deps, item);
    try {
      if ((await takeStep(context, state)) === "over") return;
    } catch (thrown) {
      // Gone from Plane: the next look at the project will say so.
      if (thrown instanceof PlaneNotFoundError) return;
      throw thrown;
    }
  }
}

interface BlockState {
  step: BlockStep;
  id: string;
  task?: Task;
  stuck?: KeptStuck;
  rev: Revision;
  causes: BlockCauses;
}

async function readBlockState(deps: WorkDeps, id: string): Promise<BlockState> {
  const [task, [kept]] = await Promise.all([findKeptTask(deps, id), deps.store.read<KeptStuck>([workKeys.stuck(id)])]);
  const isOpenTask = task !== undefined && task.item.gone === undefined && isOpen(task.item.snapshot.word);
  const causes = isOpenTask ? await findBlockCauses(deps, id) : {};
  const stuck = kept?.value;
  const step = isOpenTask ? chooseStep(task.item.snapshot.word, stuck, causes) : stuck ? "forget" : "nothing";
  return { step, id, ...omitUndefined({ task, stuck }), rev: kept?.rev ?? 0, causes };
}

function chooseStep(status: Status, stuck: KeptStuck | undefined, causes: BlockCauses): BlockStep {
  const hasCauses = Object.keys(causes).length > 0;
  const hasNewCauses = Object.keys(causes).some((blocker) => !stuck?.for[blocker]);
  switch (stuck?.phase) {
    case undefined:
      // Somebody has blocked it already, for reasons of their own.
      return hasCauses && status !== "blocked" ? "block" : "nothing";
    case "blocking":
      return hasCauses ? "block" : "release";
    case "stuck":
      if (status !== "blocked") return hasCauses ? "excuse" : "forget";
      return !hasCauses ? "release" : hasNewCauses ? "block" : "nothing";
    case "releasing":
      return "release";
    case "excused":
      if (!hasCauses) return "forget";
      return hasNewCauses && status !== "blocked" ? "block" : "nothing";
  }
}

/** One step; "over" when there is nothing more to do now. */
async function takeStep(context: CallContext, state: BlockState): Promise<"over" | "again"> {
  const { stuck, task, causes } = state;
  if (state.step === "nothing" || (!stuck && !task)) return "over";
  if (state.step === "block" && task) return blockTask(context, state, task);
  if (state.step === "release" && stuck && task) return releaseTask(context, state, stuck, task);
  const next = state.step === "excuse" && stuck ? { ...stuck, phase: "excused" as const, for: causes } : undefined;
  return (await saveStuck(context, state, next)) === 0 ? "again" : "over";
}

async function blockTask(context: CallContext, state: BlockState, task: Task): Promise<"over" | "again"> {
  const { deps, correlation } = context;
  const { stuck, causes, id } = state;
  const isOngoing = stuck?.phase === "blocking" || stuck?.phase === "stuck";
  const next: KeptStuck = {
    item: id,
    phase: "blocking",
    for: causes,
    episode: isOngoing ? stuck.episode : deps.newId(),
  };
  const rev = await saveStuck(context, state, next);
  if (rev === 0) return "again";
  const blocked = await moveToStatus(context, task, "blocked");
  const first = Object.keys(causes).find((blocker) => stuck?.phase === "blocking" || !stuck?.for[blocker]);
  for (const [blocker, why] of Object.entries(causes)) {
    const blockerTask = await findKeptTask(deps, blocker);
    await postComment(
      context,
      blocked,
      `stuck:${next.episode}:${blocker}`,
      renderBlockedComment(deps, blockerTask, why),
    );
  }
  const firstBlocker = first === undefined ? undefined : await findKeptTask(deps, first);
  const event = { kind: "stuck", blocker: firstBlocker?.key ?? "?", why: causes[first ?? ""] ?? "blocked" } as const;
  const record = workKeys.stuck(id);
  const put = [{ key: record, value: { ...next, phase: "stuck" }, sets: [workSets.stuck] }];
  const outcome = await publishWorkEvent(deps, blocked, event, correlation, { record, rev, put });
  return outcome === "kept" ? "over" : "again";
}

async function releaseTask(
  context: CallContext,
  state: BlockState,
  stuck: KeptStuck,
  task: Task,
): Promise<"over" | "again"> {
  const rev =
    stuck.phase === "releasing" ? state.rev : await saveStuck(context, state, { ...stuck, phase: "releasing" });
  if (rev === 0) return "again";
  const released = task.item.snapshot.word === "blocked" ? await moveToStatus(context, task, "todo") : task;
  await postComment(context, released, `released:${stuck.episode}`, await renderReleasedComment(context.deps, stuck));
  // Something may be the matter again by now: another look tells.
  await saveStuck(context, { ...state, rev }, undefined);
  return "again";
}

/** Keeps (or forgets) the record; its new revision, 0 when somebody else was at it. A forgotten one has revision 1. */
async function saveStuck(
  { deps }: CallContext,
  { id, rev }: Pick<BlockState, "id" | "rev">,
  next: KeptStuck | undefined,
): Promise<Revision> {
  const key = workKeys.stuck(id);
  const put = [{ key, value: next, ...omitUndefined({ sets: next ? [workSets.stuck] : undefined }) }];
  if ((await deps.store.commit({ expect: [[key, rev]], put })) !== "kept") return 0;
  if (!next) return 1;
  const [kept] = await deps.store.read([key]);
  return kept?.rev ?? 0;
}

function renderBlockedComment({ settings }: WorkDeps, blocker: Task | undefined, cause: BlockCauses[string]): string {
  const { comments } = getTexts(settings.locale);
  return `<p>${formatTemplate(comments.blockedByTask[cause], { blocker: renderTaskName(comments, blocker) })}</p>`;
}

async function renderReleasedComment(deps: WorkDeps, stuck: KeptStuck): Promise<string> {
  const { comments } = getTexts(deps.settings.locale);
  const blockers = await Promise.all(Object.keys(stuck.for).map((id) => findKeptTask(deps, id)));
  const names = blockers.map((blocker) => {
    const name = renderTaskName(comments, blocker);
    return blocker?.item.snapshot.word === "done" ? formatTemplate(comments.doneTask, { task: name }) : name;
  });
  return `<p>${formatTemplate(comments.unblocked, { blockers: names.join(", ") })}</p>`;
}

function renderTaskName({ deletedTask }: Pick<CommentTexts, "deletedTask">, task: Task | undefined): string {
  if (!task) return deletedTask;
  return `<strong>${escapeHtml(task.key)}</strong> ${escapeHtml(task.item.snapshot.name)}`;
}
