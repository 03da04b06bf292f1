import type { Ms, Put } from "../store/port.ts";
import type { WorkDeps } from "./acting.ts";
import { announce } from "./announce.ts";
import type { KeptAttempt } from "./attempt.ts";
import type { Task } from "./find.ts";
import { workKeys, workSets } from "./keys.ts";

/** A task that its agent has finished with less confidence than asked for: a human looks at it (OPENCLAW-12). */
export interface KeptReview {
  item: string;
  agent: string;
  /** Names the comments about this review. */
  id: string;
  /** Store time. */
  at: Ms;
  /** Kept before anything of it is done. */
  verdict?: { kind: "approved" | "sent_back"; by: string; reason: string | null; at: Ms };
}

/** What the human said of a review. */
export type KeptVerdict = NonNullable<KeptReview["verdict"]>;

/** Long enough for every message that asked for it to show it. */
const VERDICT_KEPT_MS: Ms = 30 * 86_400_000;

export function verdictPut(review: string, verdict: KeptVerdict): Put {
  return { key: workKeys.judged(review), value: verdict, expires: VERDICT_KEPT_MS };
}

export function reviewPut(item: string, review: KeptReview | undefined): Put {
  return { key: workKeys.review(item), value: review, ...(review && { sets: [workSets.reviews] }) };
}

/** Keeps that a review is waited for and tells the human, in one commit; once for each attempt. */
export async function askForReview(
  deps: WorkDeps,
  task: Task,
  { agent, id, review: confidence = 0, text = "" }: KeptAttempt,
  correlation: string,
): Promise<void> {
  const key = workKeys.review(task.id);
  for (;;) {
    const [kept] = await deps.store.read<KeptReview>([key]);
    if (kept?.value.id === id) return;
    const review: KeptReview = { item: task.id, agent, id, at: await deps.store.now() };
    const event = { kind: "review", agent, confidence, text } as const;
    const put = [reviewPut(task.id, review)];
    // Named by the review's own id: the task's record is made anew for each, from the same revision 0.
    const outcome = await announce(deps, task, event, correlation, {
      ...{ record: workKeys.judged(id), rev: 0, put },
      expect: [[key, kept?.rev ?? 0]],
    });
    if (outcome === "kept") return;
  }
}
