/**
 * What people decide about a proposed plan, and its end: approved, sent back or cancelled, and complete when all its
 * tasks are closed.
 */

import type { TaskDeps } from "../../app/deps.ts";
import { createPlanJob } from "../../jobs/work-jobs.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { ProjectRecord } from "../../records/plane-records.ts";
import { observedKeys, observedSets, workKeys, workSets } from "../../records/store-keys.ts";
import type { Put } from "../../store/port.ts";
import { mergeUpdates, readAllRows, updateValue, type ValueUpdate } from "../../store/records.ts";
import { prepareProjectUpdate } from "../../sync/projects.ts";
import type { PlanEvent } from "../../task/events.ts";
import { type ItemRecord, isOpenItem } from "../../task/snapshot.ts";
import { cleanLine } from "../../text.ts";
import { DAY, type Ms } from "../../time.ts";
import { type PlanRun, rejectRun, startRun, toPlanRunPut } from "../plan-record.ts";
import { CLOSED_WISH_MS, toWishPut, type Wish } from "../wishes.ts";
import { preparePlanEvent, toPlanEventFields } from "../work-events.ts";

/**
 * `already`: this proposal was approved or rejected before. `changed`: another plan has been proposed since.
 * `unknown`: there is no such plan.
 */
type Refusal = "already" | "changed" | "unknown";

/** A person's decision about one proposal. `sent_back`: the Concierge changes it; `cancelled`: nothing is planned. */
export interface PlanVerdict {
  kind: "approved" | "sent_back" | "cancelled";
  by: string;
  reason?: string;
}

/** What a decision changes besides the proposal. */
interface Decision {
  next: PlanRun;
  event: PlanEvent;
  verdict: PlanVerdict;
  update: ValueUpdate;
}

/** Limit of a rejection's reason, in characters. */
const MAX_REASON_LENGTH = 1_000;

/** Retention of a decision: 30 days, so that a late press or reply gets an explanation. */
const VERDICT_MS: Ms = 30 * DAY;

/**
 * Approves a proposed plan, which is carried out from then on. `id` is its run's id and `hash` the one that was
 * proposed, so that only what a person was shown can be approved.
 */
export async function approvePlan(
  deps: TaskDeps,
  id: string,
  { hash, by: rawName }: { hash: string; by: string },
  correlation: string = deps.newId(),
): Promise<"approved" | Refusal> {
  const by = cleanLine(rawName, 100);
  return recordDecision(deps, id, hash, correlation, "approved", async (run) => {
    const next = startRun(run, by);
    return {
      next,
      event: { kind: "plan_approved", ...toPlanEventFields(run), by },
      verdict: { kind: "approved", by },
      update: { jobs: [createPlanJob(next, correlation)] },
    };
  });
}

/**
 * Stores a decision about a proposed plan and publishes it, in one commit. A later proposal of the same run gets its
 * own decision.
 */
async function recordDecision<R>(
  deps: TaskDeps,
  id: string,
  hash: string | undefined,
  correlation: string,
  result: R,
  decide: (run: PlanRun) => Promise<Decision>,
): Promise<R | Refusal> {
  return updateValue<PlanRun, R | Refusal>(deps, workKeys.planRun(id), async (run, rev) => {
    if (!run) return { result: "unknown" };
    if (hash !== undefined && run.hash !== hash) return { result: "changed" };
    if (run.state !== "awaiting_approval") return { result: "already" };
    const { next, event, verdict, update } = await decide(run);
    const verdictPut = { key: workKeys.planVerdict(id, run.hash), value: verdict, expires: VERDICT_MS };
    const published = await preparePlanEvent(deps, next, rev, event, correlation);
    return { ...mergeUpdates([{ put: [toPlanRunPut(next), verdictPut] }, update, published]), result };
  });
}

/**
 * Rejects a proposed plan: its wish is open again, and the Concierge is woken with the reason. A plan that is cancelled
 * is not planned again: its wish stays dealt with, and nobody is woken. `hash` refuses the rejection of another plan
 * than the one that was shown.
 */
export async function rejectPlan(
  deps: TaskDeps,
  id: string,
  rejection: { by: string; reason?: string | undefined; hash?: string | undefined; isCancelled?: boolean },
  correlation: string = deps.newId(),
): Promise<"rejected" | Refusal> {
  const { reason: rawReason = "", hash, isCancelled = false } = rejection;
  const by = cleanLine(rejection.by, 100);
  const reason = cleanLine(rawReason, MAX_REASON_LENGTH) || undefined;
  const cancelled = isCancelled ? { cancelled: true as const } : {};
  return recordDecision(deps, id, hash, correlation, "rejected", async (run) => ({
    next: rejectRun(run, reason, await deps.store.now()),
    event: { kind: "plan_rejected", ...toPlanEventFields(run), by, reason: reason ?? null, ...cancelled },
    verdict: { kind: isCancelled ? "cancelled" : "sent_back", by, ...omitUndefined({ reason }) },
    update: isCancelled ? {} : await preparePlannedWish(deps, run, toReopenedWishPut),
  }));
}

/** Prepares a change of the wish that has this plan; none when it has another one or is closed. */
async function preparePlannedWish(
  deps: Pick<TaskDeps, "store">,
  { wish }: PlanRun,
  toPut: (wish: Wish) => Put,
): Promise<ValueUpdate> {
  if (wish === undefined) return {};
  const key = workKeys.wish(wish);
  const [stored] = await deps.store.read<Wish>([key]);
  const put = stored?.value.state === "planned" ? [toPut(stored.value)] : [];
  return { expect: [[key, stored?.rev ?? 0]], put };
}

function toReopenedWishPut({ plan: _plan, answeredAt: _answeredAt, ...wish }: Wish): Put {
  return toWishPut({ ...wish, state: "open" });
}

/**
 * Publishes `plan_completed` for each finished plan of a project whose tasks are all closed, once. A project that is
 * complete with it is recorded in the same commit, so that the Concierge is not woken for the same reason twice. Makes
 * no request to Plane.
 */
export async function completePlans(deps: TaskDeps, project: string, correlation: string): Promise<void> {
  for (const { value } of await readAllRows<PlanRun>(deps, workSets.planRunsOf(project)))
    await updateValue<PlanRun>(deps, workKeys.planRun(value.id), async (run, rev) => {
      if (run?.state !== "done" || run.completed) return undefined;
      const tasks = await readClosedTasks(deps, run);
      if (tasks === undefined) return undefined;
      const completed: PlanRun = { ...run, completed: true };
      const event: PlanEvent = { kind: "plan_completed", ...toPlanEventFields(run), tasks };
      return mergeUpdates([
        { put: [toPlanRunPut(completed)] },
        await preparePlanEvent(deps, completed, rev, event, correlation),
        await prepareProjectCompletion(deps, project, correlation),
        // The wish is deleted some time after its plan is complete, also if nobody closes it.
        await preparePlannedWish(deps, run, (wish) => toWishPut(wish, CLOSED_WISH_MS)),
      ]);
    });
}

/** The number of a plan's tasks when all are closed or removed; undefined while one is open, and for a plan without. */
async function readClosedTasks(
  deps: Pick<TaskDeps, "store">,
  { items: ids = [] }: PlanRun,
): Promise<number | undefined> {
  if (ids.length === 0) return undefined;
  const items = await deps.store.read<ItemRecord>(ids.map(observedKeys.item));
  return items.some((item) => item && isOpenItem(item.value)) ? undefined : ids.length;
}

/** Prepares the completion of a project that has no open task either; its event says that the plan reports it. */
async function prepareProjectCompletion(deps: TaskDeps, id: string, correlation: string): Promise<ValueUpdate> {
  const [stored] = await deps.store.read<ProjectRecord>([observedKeys.project(id)]);
  if (!stored?.value.baseline || stored.value.completed) return {};
  if ((await deps.store.count(observedSets.open(id))) > 0) return {};
  const { completedAtBaseline: _, ...project } = stored.value;
  const event = { kind: "project_completed", planned: true } as const;
  const update = await prepareProjectUpdate(deps, { ...project, completed: true }, stored.rev, [event], correlation);
  return { ...update, expect: [[observedKeys.project(id), stored.rev], ...(update.expect ?? [])] };
}

/** Finds the decision about the proposal of a run with this hash. */
export async function findPlanVerdict(
  deps: Pick<TaskDeps, "store">,
  run: string,
  hash: string,
): Promise<PlanVerdict | undefined> {
  const [stored] = await deps.store.read<PlanVerdict>([workKeys.planVerdict(run, hash)]);
  return stored?.value;
}
