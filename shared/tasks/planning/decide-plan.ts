/**
 * What people decide about a proposed plan, and its end: approved, sent back or cancelled, and complete when all its
 * tasks are closed.
 */

import type { TaskDeps } from "../../app/deps.ts";
import { createPlanJob } from "../../jobs/work-jobs.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { ProjectRecord } from "../../records/plane-records.ts";
import { observedKeys, observedSets, workKeys, workSets } from "../../records/store-keys.ts";
import type { Commit, Put, Revision } from "../../store/port.ts";
import { readAllRows, updateValue, type ValueUpdate } from "../../store/records.ts";
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

interface PlanRejection {
  by: string;
  reason?: string | undefined;
  hash?: string | undefined;
  /** The wish is given up. */
  isCancelled?: boolean;
}

/** A person's decision about one proposal. `sent_back`: the Concierge changes it; `cancelled`: nothing is planned. */
export interface PlanVerdict {
  kind: "approved" | "sent_back" | "cancelled";
  by: string;
  reason?: string;
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
  { hash, by }: { hash: string; by: string },
  correlation: string = deps.newId(),
): Promise<"approved" | Refusal> {
  return updateValue<PlanRun, "approved" | Refusal>(deps, workKeys.planRun(id), async (run, rev) => {
    if (!run) return { result: "unknown" };
    const refusal = findRefusal(run, hash);
    if (refusal) return { result: refusal };
    const approved = startRun(run, cleanLine(by, 100));
    const event = { kind: "plan_approved", ...toPlanEventFields(run), by: cleanLine(by, 100) } satisfies PlanEvent;
    const { put, jobs, afterCommit } = await preparePlanEvent(deps, approved, rev, event, correlation);
    return {
      put: [toPlanRunPut(approved), createPlanVerdictPut(run, { kind: "approved", by: event.by }), ...put],
      jobs: [createPlanJob(approved, correlation), ...jobs],
      afterCommit,
      result: "approved",
    };
  });
}

function findRefusal(run: PlanRun, hash: string): Refusal | undefined {
  if (run.hash !== hash) return "changed";
  return run.state === "awaiting_approval" ? undefined : "already";
}

/** Creates the put of a decision about the proposal with this hash. A later proposal of the same run has its own. */
function createPlanVerdictPut(
  { id, hash }: { id: string; hash: string },
  { kind, by, reason }: { kind: PlanVerdict["kind"]; by: string; reason?: string | undefined },
): Put {
  const value: PlanVerdict = { kind, by, ...omitUndefined({ reason }) };
  return { key: workKeys.planVerdict(id, hash), value, expires: VERDICT_MS };
}

/**
 * Rejects a proposed plan: its wish is open again, and the Concierge is woken with the reason. A plan that is cancelled
 * is not planned again: its wish stays dealt with, and nobody is woken. `hash` refuses the rejection of another plan
 * than the one that was shown.
 */
export async function rejectPlan(
  deps: TaskDeps,
  id: string,
  { by, reason, hash, isCancelled = false }: PlanRejection,
  correlation: string = deps.newId(),
): Promise<"rejected" | Refusal> {
  return updateValue<PlanRun, "rejected" | Refusal>(deps, workKeys.planRun(id), async (run, rev) => {
    if (!run) return { result: "unknown" };
    const refusal = findRefusal(run, hash ?? run.hash);
    if (refusal) return { result: refusal };
    const text = cleanLine(reason ?? "", MAX_REASON_LENGTH);
    const rejected = rejectRun(run, text === "" ? undefined : text, await deps.store.now());
    const event = {
      kind: "plan_rejected",
      ...toPlanEventFields(run),
      by: cleanLine(by, 100),
      reason: rejected.reason ?? null,
      ...(isCancelled ? { cancelled: true } : {}),
    } satisfies PlanEvent;
    const kind = isCancelled ? "cancelled" : "sent_back";
    const verdict = createPlanVerdictPut(run, { kind, by: event.by, reason: rejected.reason });
    const published = await preparePlanEvent(deps, rejected, rev, event, correlation);
    const reopened = isCancelled ? { expect: [], put: [] } : await prepareReopenedWish(deps, run);
    return {
      expect: reopened.expect,
      put: [toPlanRunPut(rejected), verdict, ...reopened.put, ...published.put],
      jobs: published.jobs,
      afterCommit: published.afterCommit,
      result: "rejected",
    };
  });
}

/** Prepares the writes after which the wish of a plan has no plan. */
async function prepareReopenedWish(
  deps: Pick<TaskDeps, "store">,
  { wish }: PlanRun,
): Promise<Required<Pick<Commit, "expect" | "put">>> {
  if (wish === undefined) return { expect: [], put: [] };
  const [stored] = await deps.store.read<Wish>([workKeys.wish(wish)]);
  const expect: [string, Revision][] = [[workKeys.wish(wish), stored?.rev ?? 0]];
  if (stored?.value.state !== "planned") return { expect, put: [] };
  const { plan: _plan, answeredAt: _answeredAt, ...rest } = stored.value;
  return { expect, put: [toWishPut({ ...rest, state: "open" })] };
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
      const published = await preparePlanEvent(deps, completed, rev, event, correlation);
      const updates = [
        await prepareProjectCompletion(deps, project, correlation),
        await prepareWishRetention(deps, run),
      ];
      return {
        expect: updates.flatMap(({ expect = [] }) => expect),
        put: [toPlanRunPut(completed), ...published.put, ...updates.flatMap(({ put = [] }) => put)],
        jobs: [...published.jobs, ...updates.flatMap(({ jobs = [] }) => jobs)],
        afterCommit: async () => {
          published.afterCommit();
          for (const { afterCommit } of updates) await afterCommit?.();
        },
      };
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

/** Prepares the end of a wish's retention: it is deleted some time after its plan is complete, also if nobody closes it. */
async function prepareWishRetention(deps: Pick<TaskDeps, "store">, { wish }: PlanRun): Promise<ValueUpdate> {
  if (wish === undefined) return {};
  const [stored] = await deps.store.read<Wish>([workKeys.wish(wish)]);
  if (stored?.value.state !== "planned") return {};
  return { expect: [[workKeys.wish(wish), stored.rev]], put: [toWishPut(stored.value, CLOSED_WISH_MS)] };
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
