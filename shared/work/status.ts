import { GroundcrewError } from "../errors.ts";
import { REVIEW_LABEL } from "../observe/owners.ts";
import type { Ms } from "../store/port.ts";
import type { Word } from "../task/snapshot.ts";
import type { Acting } from "./acting.ts";
import { attemptOf, beginAttempt, type KeptAttempt } from "./attempt.ts";
import { blockersOf } from "./blockers.ts";
import { noteOnCard, readCard } from "./card.ts";
import { claimOf, endClaim, holdTask, liveClaims, proveClaim, renewIfHeld, sayLoss } from "./claims.ts";
import { criteriaOf, missingFor, type Reported } from "./done.ts";
import { failStatus, isPermanent } from "./failing.ts";
import { keptTask, readAfresh, type Task } from "./find.ts";
import { followUp } from "./follow.ts";
import { mustBeMine } from "./owner.ts";
import { approveReview, isBeingJudged, sendBack } from "./review.ts";
import { htmlOf, onceId, say } from "./say.ts";
import { bringTo } from "./states.ts";
import { isInReview, isThere } from "./there.ts";
import { mayMove, withBlockers } from "./transitions.ts";

/** What an agent says of its task when it starts, finishes or gives it up. */
export interface StatusChange extends Reported {
  /** `text` of a change that finishes a task is its summary. */
  status: Word;
  /** From 0 to 1; 0.8 when nobody said. */
  confidence?: number | undefined;
  /** What the task has cost so far, in the currency of the budget. */
  cost?: number | undefined;
  /** `openclaw-session-{uuid}` */
  session?: string | undefined;
}

/** What is true of a task after a change of its status. */
export interface StatusNow {
  key: string;
  word: Word;
  inReview: boolean;
  /** Store time at which the caller's claim runs out; absent while it holds none. */
  heldUntil?: Ms;
  /** Keys of its open blockers. */
  blockers: string[];
  url: string;
}

/** Confidence nobody has spoken of (OPENCLAW-12). */
const CONFIDENCE = 0.8;

/** What the Concierge, who plans everybody's work, may do to tasks that are not its own. */
const PLANNED: readonly Word[] = ["todo", "blocked", "cancelled"];

/**
 * Brings a task to another status: an agent its own, under its claim, which starting takes; people any, and the
 * Concierge others', without one. The same status again costs no request, but for what is said with it. A call that was
 * cut off at any point ends, made again, as one that was not. Answers what is true then.
 */
export async function setStatus(acting: Acting, task: Task, change: StatusChange): Promise<StatusNow> {
  const { deps, caller } = acting;
  const asPlanner = caller.role === "human" || isPlanned(acting, task, change.status);
  if (!asPlanner) await mustBeMine(acting, task);
  const last = await attemptOf(deps, task.id);
  const cut = last && !last.over && last.agent === caller.name && last.status === change.status ? last : undefined;
  if (!cut && (await stands(acting, task, change.status, asPlanner))) {
    await stay(acting, task, change, last);
  } else if (asPlanner) await plan(acting, task, change, cut);
  else await work(acting, task, change, { last, cut });
  return statusNow(acting, (await keptTask(deps, task.id)) ?? task);
}

async function statusNow({ deps, caller }: Acting, { id, key, item, url }: Task): Promise<StatusNow> {
  const [[claim], known] = await Promise.all([liveClaims(deps, [id]), blockersOf(deps, [item])]);
  const blockers = item.blockers.map((blocker) => known.get(blocker)?.key ?? blocker);
  const mine = claim?.agent === caller.name && { heldUntil: claim.until };
  return { key, word: item.snapshot.word, inReview: isInReview(item), ...mine, blockers, url };
}

function isPlanned({ caller }: Acting, { item }: Task, status: Word): boolean {
  const mine = (item.owners ?? []).includes(caller.name);
  return caller.role === "concierge" && !mine && PLANNED.includes(status);
}

/** Whether it is so already, as far as is known here. Working on a task without holding it is not. */
async function stands(acting: Acting, { id, item }: Task, status: Word, asPlanner: boolean): Promise<boolean> {
  const { deps, caller } = acting;
  const { word } = item.snapshot;
  if (isInReview(item)) return status === "done" && !asPlanner;
  if (word !== status) return false;
  if (asPlanner) return !(await isBeingJudged(acting, id, verdictBy(status)));
  if (word !== "in_progress") return true;
  const [claim] = await liveClaims(deps, [id]);
  return claim?.agent === caller.name;
}

/**
 * Nothing to change in Plane. A task that was claimed and never begun is free again when its agent gives it back; what
 * the agent has to say is said, unless it was said with this very change.
 */
async function stay(acting: Acting, task: Task, change: StatusChange, last: KeptAttempt | undefined): Promise<void> {
  const { deps, caller, correlation } = acting;
  const { status, text = "" } = change;
  const claim = status === "todo" ? await claimOf(deps, task.id) : undefined;
  if (claim?.agent === caller.name) await endClaim(deps, claim, undefined, correlation);
  else await renewIfHeld(acting, task);
  await note(acting, task, change);
  const isSaid = last?.agent === caller.name && last.status === status && last.text === text;
  // What people say of a review is in the comment on their verdict.
  if (text.trim() === "" || isSaid || caller.role === "human") return;
  const once = await onceId(acting, "status", task.id, status, text);
  await say(acting, task, `status:${once}`, await htmlOf(text));
}

/** An agent's change of its own task. What Plane will never let it do is told, and blocks the task (OPENCLAW-15). */
async function work(
  acting: Acting,
  task: Task,
  change: StatusChange,
  { last, cut }: { last: KeptAttempt | undefined; cut: KeptAttempt | undefined },
): Promise<void> {
  try {
    const fresh = await readAfresh(acting, task);
    // Plane has it: what is left to do needs no claim, which may have ended with it.
    const there = cut && cut.status !== "in_progress" && isThere(fresh.item, cut);
    const attempt = there ? cut : await write(acting, await withBlockers(acting, fresh, change.status), change, last);
    const now = (await keptTask(acting.deps, task.id)) ?? fresh;
    await note(acting, now, change);
    await followUp(acting, now, attempt);
  } catch (thrown) {
    if (!isPermanent(thrown)) throw thrown;
    throw await failStatus(acting, task, change.status, thrown);
  }
}

async function write(
  acting: Acting,
  task: Task,
  change: StatusChange,
  last: KeptAttempt | undefined,
): Promise<KeptAttempt> {
  const { deps } = acting;
  await sayLoss(acting, task);
  await mayMove(acting, task, change.status, last);
  const claim = await holdTask(acting, task, { waiting: true });
  const finish = change.status === "done" ? await finishing(acting, task, change) : {};
  const attempt = await beginAttempt(acting, {
    ...(await attemptFor(acting, task, change)),
    ...finish,
    ...(last?.failed && { failed: last.failed }),
    ...(task.item.snapshot.word === "blocked" && { unblocks: true as const }),
    id: String(claim.fence),
  });
  // Whoever looks after claims must not take what follows for somebody else's doing.
  await proveClaim(acting, task, claim, [task.item.snapshot.word, change.status]);
  const inReview = attempt.review !== undefined;
  const labels = inReview ? { add: [REVIEW_LABEL] } : {};
  await bringTo(acting, task, inReview ? "in_progress" : change.status, { labels, claim });
  // From here on it is somebody else's doing when the task is found where it came from.
  if (change.status === "in_progress") await proveClaim(acting, task, claim, ["in_progress"]);
  deps.log.info("status set", { correlation: acting.correlation, item: task.key, status: change.status });
  return attempt;
}

/** Throws `conflict` with all that is missing; else whether a human is to look at it, and what the task asked for. */
async function finishing(acting: Acting, task: Task, change: StatusChange): Promise<Partial<KeptAttempt>> {
  const { deps } = acting;
  const criteria = await criteriaOf(deps, task);
  const missing = await missingFor(acting, task, criteria, change);
  if (missing.length > 0)
    throw new GroundcrewError("conflict", `${task.key} is not done yet: ${missing.join("; ")}. It stays in progress.`);
  const confidence = change.confidence ?? (await readCard(deps, task.id))?.confidence ?? CONFIDENCE;
  const doubtful = confidence < deps.settings.done.review_below;
  return { ...(doubtful && { review: confidence }), ...(criteria.others.length > 0 && { asked: criteria.others }) };
}

/** A change of a task that is somebody else's: no claim, and whoever holds one loses it. */
async function plan(acting: Acting, task: Task, change: StatusChange, cut: KeptAttempt | undefined): Promise<void> {
  const fresh = await readAfresh(acting, task);
  const verdict = acting.caller.role === "human" ? verdictBy(change.status) : undefined;
  if (verdict && (isInReview(fresh.item) || (await isBeingJudged(acting, task.id, verdict)))) {
    await (verdict === "approved" ? approveReview(acting, fresh) : sendBack(acting, fresh, change.text ?? ""));
    return;
  }
  const attempt = cut ?? (await beginAttempt(acting, await attemptFor(acting, fresh, change)));
  const now = await bringTo(acting, fresh, change.status, { labels: { drop: [REVIEW_LABEL] } });
  await followUp(acting, now, attempt);
}

/** What a human says of a review by setting the task's status. */
function verdictBy(status: Word): "approved" | "sent_back" | undefined {
  if (status === "done") return "approved";
  return status === "todo" || status === "in_progress" ? "sent_back" : undefined;
}

async function attemptFor({ deps, caller }: Acting, task: Task, change: StatusChange): Promise<KeptAttempt> {
  const { status, text, commit, tests } = change;
  const common = { item: task.id, agent: caller.name, status, id: deps.newId(), at: await deps.store.now() };
  return { ...common, ...(text && { text }), ...(commit && { commit }), ...(tests && { tests }) };
}

async function note(acting: Acting, task: Task, change: StatusChange): Promise<void> {
  const { session, cost, confidence, commit, tests } = change;
  const fields = {
    ...(session && { session }),
    ...(cost !== undefined && { cost }),
    ...(confidence !== undefined && { confidence }),
    ...(commit && { commit }),
    ...(tests && { tests }),
  };
  if (acting.caller.role !== "human" && Object.keys(fields).length > 0) await noteOnCard(acting, task, fields);
}
