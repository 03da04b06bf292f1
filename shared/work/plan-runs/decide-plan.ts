import { cleanLine } from "../../clean-text.ts";
import { createPlanJob } from "../../jobs/work-jobs.ts";
import type { Commit, Revision } from "../../store/port.ts";
import { updateValue } from "../../store/update.ts";
import type { PlanEvent } from "../../task/events.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import { toWishPut, type Wish } from "../wishes/wish-record.ts";
import { type PlanRun, rejectRun, startRun, toPlanRunPut } from "./plan-run.ts";
import { createPlanVerdictPut } from "./plan-verdict.ts";
import { preparePlanEvent, toPlanEventFields } from "./prepare-plan-event.ts";

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

/** Limit of a rejection's reason, in characters. */
const MAX_REASON_LENGTH = 1_000;

/**
 * Approves a proposed plan, which is carried out from then on. `id` is its run's id and `hash` the one that was
 * proposed, so that only what a person was shown can be approved.
 */
export async function approvePlan(
  deps: WorkDeps,
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

/**
 * Rejects a proposed plan: its wish is open again, and the Concierge is woken with the reason. A plan that is cancelled
 * is not planned again: its wish stays dealt with, and nobody is woken. `hash` refuses the rejection of another plan
 * than the one that was shown.
 */
export async function rejectPlan(
  deps: WorkDeps,
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

function findRefusal(run: PlanRun, hash: string): Refusal | undefined {
  if (run.hash !== hash) return "changed";
  return run.state === "awaiting_approval" ? undefined : "already";
}

/** Prepares the writes after which the wish of a plan has no plan. */
export async function prepareReopenedWish(
  deps: Pick<WorkDeps, "store">,
  { wish }: PlanRun,
): Promise<Required<Pick<Commit, "expect" | "put">>> {
  if (wish === undefined) return { expect: [], put: [] };
  const [kept] = await deps.store.read<Wish>([workKeys.wish(wish)]);
  const expect: [string, Revision][] = [[workKeys.wish(wish), kept?.rev ?? 0]];
  if (kept?.value.state !== "planned") return { expect, put: [] };
  const { plan: _plan, answeredAt: _answeredAt, ...rest } = kept.value;
  return { expect, put: [toWishPut({ ...rest, state: "open" })] };
}
