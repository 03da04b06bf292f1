import { observedKeys } from "../../observe/store-keys.ts";
import { PlaneNotFoundError } from "../../plane/errors.ts";
import { moveToStatus } from "../changes/move-to-status.ts";
import { postComment } from "../comments/post-comment.ts";
import { type CallContext, createCallContext, type WorkDeps } from "../context/call-context.ts";
import { SYSTEM_CALLER } from "../context/caller.ts";
import { workSets } from "../context/work-keys.ts";
import { findKeptTask, type Task } from "../tasks/find-task.ts";
import { publishWorkEvent } from "../tasks/publish-work-event.ts";
import { type BlockState, type KeptStuck, readBlockState, saveStuck } from "./block-state.ts";
import { renderBlockedComment, renderReleasedComment } from "./blocked-comments.ts";
import type { ItemJob } from "./queue-resolve-blocked.ts";

/**
 * Blocks an open task whose blocker was cancelled or is itself blocked, with a comment that says why, and notifies
 * people and the Concierge. Returns it to todo when that no longer holds. An interrupted run continues where it
 * stopped.
 */
export async function resolveBlocked(deps: WorkDeps, { item, correlation }: ItemJob): Promise<void> {
  const context = createCallContext(deps, SYSTEM_CALLER, correlation);
  for (;;) {
    const state = await readBlockState(deps, item);
    try {
      if ((await takeStep(context, state)) === "over") return;
    } catch (thrown) {
      // The item was deleted in Plane; the next poll of the project observes that.
      if (thrown instanceof PlaneNotFoundError) return;
      throw thrown;
    }
  }
}

/** Takes one step; "over" when nothing is left to do for now. */
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
  const record = observedKeys.dependencyBlock(id);
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
  // New causes may have appeared meanwhile, so the state is read once more.
  await saveStuck(context, { ...state, rev }, undefined);
  return "again";
}
