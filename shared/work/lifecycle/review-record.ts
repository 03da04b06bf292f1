import { omitUndefined } from "../../omit-undefined.ts";
import type { Put } from "../../store/port.ts";
import { updateValue } from "../../store/update.ts";
import { DAY, type Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import { prepareWorkEvent } from "../tasks/publish-work-event.ts";
import type { KeptStatusAttempt } from "./status-attempt.ts";

/** A review by a human, of a task that its agent finished with less confidence than required (OPENCLAW-12). */
export interface KeptReview {
  item: string;
  agent: string;
  /** Part of the external ids of the comments about this review. */
  id: string;
  /** Store time. */
  at: Ms;
  /** Stored before it is applied, so that an interrupted verdict can be resumed. */
  verdict?: { kind: "approved" | "sent_back"; by: string; reason: string | null; at: Ms };
}

/** A human's verdict on a review. */
export type KeptReviewVerdict = NonNullable<KeptReview["verdict"]>;

/** Retention of a verdict: 30 days, so that every message of the review can show it. */
const VERDICT_KEPT_MS: Ms = 30 * DAY;

export function toVerdictPut(review: string, verdict: KeptReviewVerdict): Put {
  return { key: workKeys.judged(review), value: verdict, expires: VERDICT_KEPT_MS };
}

export function toReviewPut(item: string, review: KeptReview | undefined): Put {
  return {
    key: workKeys.review(item),
    value: review,
    ...omitUndefined({ sets: review ? [workSets.reviews] : undefined }),
  };
}

/**
 * Stores a pending review and notifies the human in one commit, once for each attempt. Does nothing when the review was
 * decided already, which a change that is resumed late may find.
 */
export async function requestReview(
  deps: WorkDeps,
  task: Task,
  { agent, id, review: confidence = 0, text = "" }: KeptStatusAttempt,
  correlation: string,
): Promise<void> {
  await updateValue<KeptReview>(deps, workKeys.review(task.id), async (kept) => {
    // The event is named by the review's id, because every review of a task starts from the same revision 0.
    const record = workKeys.judged(id);
    const [verdict] = await deps.store.read([record]);
    if (kept?.id === id || verdict) return undefined;
    const review: KeptReview = { item: task.id, agent, id, at: await deps.store.now() };
    const event = { kind: "review", agent, confidence, text } as const;
    const put = [toReviewPut(task.id, review)];
    const update = await prepareWorkEvent(deps, task, event, correlation, { record, rev: 0, put });
    return { ...update, expect: [[record, 0]] };
  });
}
