import { all } from "../../../shared/store/walk.ts";
import { isOpen } from "../../../shared/task/diff.ts";
import { readCard } from "../../../shared/work/card.ts";
import { keptTask, type Task } from "../../../shared/work/find.ts";
import { workSets } from "../../../shared/work/keys.ts";
import type { KeptQuestion } from "../../../shared/work/question.ts";
import type { KeptReview } from "../../../shared/work/review-record.ts";
import type { DigestDeps } from "./done.ts";

/** A task whose agent waits for the human, since a store time. */
export interface Waiting {
  task: Task;
  agent: string;
  at: number;
}

/** Tasks finished with low confidence that nobody has looked at yet, the longest waiting first. */
export async function reviewsWaiting(deps: DigestDeps): Promise<(Waiting & { confidence?: number })[]> {
  const found: (Waiting & { confidence?: number })[] = [];
  for (const { value } of await all<KeptReview>(deps, workSets.reviews)) {
    const task = value.verdict ? undefined : await openTask(deps, value.item);
    if (!task) continue;
    const confidence = (await readCard(deps, value.item))?.review?.confidence;
    found.push({ task, agent: value.agent, at: value.at, ...(confidence !== undefined && { confidence }) });
  }
  return found.sort((a, b) => a.at - b.at);
}

/** Questions nobody has answered, of tasks that are still open, the longest waiting first. */
export async function questionsWaiting(deps: DigestDeps): Promise<(Waiting & { text: string })[]> {
  const found: (Waiting & { text: string })[] = [];
  for (const { value } of await all<KeptQuestion>(deps, workSets.questions)) {
    const { item, agent, text, asked, answer, closed } = value;
    const task = answer || closed !== undefined ? undefined : await openTask(deps, item);
    if (task) found.push({ task, agent, text, at: asked });
  }
  return found.sort((a, b) => a.at - b.at);
}

async function openTask(deps: DigestDeps, item: string): Promise<Task | undefined> {
  const task = await keptTask(deps, item);
  return task && task.item.gone === undefined && isOpen(task.item.snapshot.word) ? task : undefined;
}
