import { GroundcrewError } from "../errors.ts";
import { REVIEW_LABEL } from "../observe/owners.ts";
import type { Kept, Ms } from "../store/port.ts";
import { isOpen } from "../task/diff.ts";
import { type Acting, actFor, type WorkDeps } from "./acting.ts";
import { announce } from "./announce.ts";
import { attemptOf } from "./attempt.ts";
import { noteOnCard } from "./card.ts";
import { keptTask, readAfresh, type Task } from "./find.ts";
import { noteFinished } from "./history.ts";
import { workKeys } from "./keys.ts";
import { HOUSE } from "./refusals.ts";
import { askForReview, type KeptReview, type KeptVerdict, reviewPut, verdictPut } from "./review-record.ts";
import { escaped, say } from "./say.ts";
import { bringTo } from "./states.ts";

/** A verdict that is no older than this may still be carried out by the call that gave it. */
const AT_IT_MS: Ms = 120_000;

type Verdict = KeptVerdict;

/** The human is content: the label goes, the task is done. Throws `conflict` when it is not in review. */
export async function approveReview(acting: Acting, task: Task): Promise<Task> {
  return judge(acting, task, "approved", null);
}

/** The human is not content: the label goes, the task is todo again, and its agent hears why. */
export async function sendBack(acting: Acting, task: Task, reason: string): Promise<Task> {
  return judge(acting, task, "sent_back", reason.trim() || null);
}

async function judge(acting: Acting, task: Task, kind: Verdict["kind"], reason: string | null): Promise<Task> {
  const { deps, caller } = acting;
  if (caller.role !== "human")
    throw new GroundcrewError("forbidden", `${task.key} waits for a human's review: ask_human can remind them.`);
  const fresh = await readAfresh(acting, task);
  const [kept] = await deps.store.read<KeptReview>([workKeys.review(task.id)]);
  const before = kept?.value;
  const waits = fresh.item.review && isOpen(fresh.item.snapshot.word);
  // A verdict that was cut off is gone on with; any other wants a task that waits for one.
  if (!waits && before?.verdict?.kind !== kind)
    throw new GroundcrewError("conflict", `${task.key} is not in review: it is ${fresh.item.snapshot.word}.`);
  const now = await deps.store.now();
  const agent = before?.agent ?? fresh.item.owners?.[0] ?? "";
  const verdict = { kind, by: caller.name, reason: reason ?? before?.verdict?.reason ?? null, at: now };
  const review: KeptReview = { item: task.id, agent, id: before?.id ?? deps.newId(), at: before?.at ?? now, verdict };
  await deps.store.commit({ put: [reviewPut(task.id, review), verdictPut(review.id, verdict)] });
  return carryOut(acting, fresh, review, verdict);
}

/** Whether this verdict was given and what follows from it is not through. */
export async function isBeingJudged(
  { deps }: Pick<Acting, "deps">,
  item: string,
  kind: Verdict["kind"] | undefined,
): Promise<boolean> {
  const [kept] = await deps.store.read<KeptReview>([workKeys.review(item)]);
  return kind !== undefined && kept?.value.verdict?.kind === kind;
}

/** What follows from a verdict, each once however often it is begun. */
async function carryOut(acting: Acting, task: Task, review: KeptReview, verdict: Verdict): Promise<Task> {
  const { deps } = acting;
  const approved = verdict.kind === "approved";
  const done = await bringTo(acting, task, approved ? "done" : "todo", { labels: { drop: [REVIEW_LABEL] } });
  const title = `<p><strong>${approved ? "Approved" : "Sent back"}</strong> by ${escaped(verdict.by)}</p>`;
  const why = verdict.reason === null ? "" : `<p>${escaped(verdict.reason).replaceAll("\n", "<br>")}</p>`;
  await say(acting, done, `${verdict.kind}:${task.id}:${review.id}`, title + why);
  if (approved) await noteFinished(deps, done, review.agent);
  await noteOnCard(acting, done, { review: undefined, ...(approved ? { percent: 100 } : { confidence: undefined }) });
  await forget(acting, done, review, approved ? undefined : verdict);
  return done;
}

/** The review is over; when it was not a success its agent is told, in the same commit. */
async function forget(
  { deps, correlation }: Pick<Acting, "deps" | "correlation">,
  task: Task,
  review: KeptReview,
  sentBack: Pick<Verdict, "by" | "reason"> | { by: null; reason: null } | undefined,
): Promise<void> {
  const key = workKeys.review(task.id);
  const [kept] = await deps.store.read<KeptReview>([key]);
  if (kept?.value.id !== review.id) return;
  const put = [reviewPut(task.id, undefined)];
  if (!sentBack) {
    await deps.store.commit({ expect: [[key, kept.rev]], put });
    return;
  }
  const { by, reason } = sentBack;
  const event = { kind: "sent_back", agent: review.agent, by, reason } as const;
  await announce(deps, task, event, correlation, { record: key, rev: kept.rev, put });
}

/**
 * What people did in Plane about one task in review: the label taken off sends it back, done is an approval. Also goes
 * on with a verdict that was cut off. Nothing to do: no request.
 */
export async function settleReview(deps: WorkDeps, item: string, correlation: string): Promise<void> {
  const [[kept], task] = await Promise.all([
    deps.store.read<KeptReview>([workKeys.review(item)]),
    keptTask(deps, item),
  ]);
  const waits = task?.item.gone === undefined && task?.item.review && isOpen(task.item.snapshot.word);
  if (!kept) return task && waits ? takeUp(deps, task, correlation) : undefined;
  if (!task || task.item.gone !== undefined) {
    await deps.store.commit({ expect: [[workKeys.review(item), kept.rev]], put: [reviewPut(item, undefined)] });
    return;
  }
  await settle(deps, task, kept, correlation);
}

async function settle(
  deps: WorkDeps,
  task: Task,
  { value: review }: Kept<KeptReview>,
  correlation: string,
): Promise<void> {
  const acting = actFor(deps, { name: HOUSE, role: "human" }, correlation);
  const { verdict } = review;
  const { word } = task.item.snapshot;
  if (verdict) {
    if ((await deps.store.now()) - verdict.at > AT_IT_MS) await carryOut(acting, task, review, verdict);
    return;
  }
  if (word === "done") {
    await bringTo(acting, task, "done", { labels: { drop: [REVIEW_LABEL] } });
    await noteFinished(deps, task, review.agent);
  }
  if (isOpen(word) && task.item.review) return;
  await noteOnCard(acting, task, { review: undefined, ...(isOpen(word) && { confidence: undefined }) });
  await forget(acting, task, review, isOpen(word) ? { by: null, reason: null } : undefined);
}

/** In review without our knowing of it: cut off before the human was asked, or the store was lost since. */
async function takeUp(deps: WorkDeps, task: Task, correlation: string): Promise<void> {
  const attempt = await attemptOf(deps, task.id);
  if (attempt?.review !== undefined && !attempt.over) return askForReview(deps, task, attempt, correlation);
  const agent = task.item.owners?.[0];
  if (agent === undefined) return;
  const review: KeptReview = { item: task.id, agent, id: deps.newId(), at: await deps.store.now() };
  await deps.store.commit({ expect: [[workKeys.review(task.id), 0]], put: [reviewPut(task.id, review)] });
}
