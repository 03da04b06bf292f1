import { isOpen } from "../../../shared/task/diff.ts";
import type { Word } from "../../../shared/task/snapshot.ts";
import { keptTask, type Task } from "../../../shared/work/find.ts";
import { setStatus } from "../../../shared/work/status.ts";
import { actingFor, type Heard, type Outcome } from "../handler.ts";
import { filled } from "../locales/say.ts";
import { nameOf } from "./lines.ts";

type Not = "already" | "notBlocked" | "notInReview" | "over";
type Done = "blocked" | "unblocked" | "cancelled" | "approved" | "sentBack";

/** Says that nothing was done, and why. */
export function notDone(heard: Heard, task: Task, why: Not): Outcome {
  return { say: { rich: filled(`ℹ️ ${heard.look.texts.answers.not[why]}`, { task: nameOf(heard, task) }) } };
}

export function isDone(heard: Heard, task: Task, what: Done, emoji: string): Outcome {
  return { say: { rich: filled(`${emoji} ${heard.look.texts.answers.done[what]}`, { task: nameOf(heard, task) }) } };
}

/** Brings a task to another status as the human, with the reason as a comment. */
export async function move(
  heard: Heard,
  task: Task,
  to: { status: Word; reason: string; what: Done; emoji: string },
): Promise<Outcome> {
  const { word } = task.item.snapshot;
  if (word === to.status && !heard.again) return notDone(heard, task, "already");
  if (!isOpen(word) && word !== to.status) return notDone(heard, task, "over");
  const change = { status: to.status, ...(to.reason !== "" && { text: to.reason }) };
  await setStatus(actingFor(heard), task, change);
  return isDone(heard, (await keptTask(heard.deps, task.id)) ?? task, to.what, to.emoji);
}
