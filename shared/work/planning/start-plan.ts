import { GroundcrewError } from "../../errors.ts";
import { createPlanJob } from "../../jobs/work-jobs.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Job } from "../../store/job-operations.ts";
import type { Commit, Put, Revision, StoreKey } from "../../store/port.ts";
import { updateValue } from "../../store/update.ts";
import type { PlanEvent } from "../../task/events.ts";
import type { CallContext } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import type { Plan } from "../plan-runs/plan.ts";
import { hashPlannedTask, isTaskComplete, readPlanProgress } from "../plan-runs/plan-progress.ts";
import { getPlanRunId, hashPlan, type PlanRun, startRun, toPlanRunPut } from "../plan-runs/plan-run.ts";
import { preparePlanEvent, toPlanEventFields } from "../plan-runs/prepare-plan-event.ts";
import { findProject } from "../tasks/find-task.ts";
import { toWishPut, type Wish } from "../wishes/wish-record.ts";
import type { CheckedPlan } from "./check-plan.ts";
import { chooseWish, createClosedWishError } from "./choose-wish.ts";

/**
 * Stores a checked plan and starts it, or proposes it to the person whose wish it is for. The same plan again is the
 * same run. Throws `conflict` for another plan for a wish whose plan is under way or complete, and for a plan that was
 * rejected.
 */
export async function startPlan(
  context: CallContext,
  plan: Plan,
  existing: KeptProject | undefined,
  { warnings, cost }: Pick<CheckedPlan, "warnings" | "cost">,
): Promise<PlanRun> {
  const { deps, caller, correlation } = context;
  const hash = await hashPlan(plan);
  const chosen = await chooseWish(context, plan, hash);
  const id = await getPlanRunId(caller.name, hash, chosen?.id);
  const complete = existing ? await readCompleteTasks(context, plan, existing) : [];
  return updateValue<PlanRun, PlanRun>(deps, workKeys.planRun(id), async (before, rev) => {
    const isSame = before?.hash === hash;
    if (before && !isSame) await throwIfDecided(context, before);
    if (before && isSame && before.state !== "failed") {
      throwIfRejected(before);
      return { result: before };
    }
    const now = await deps.store.now();
    const isApproved = isSame || chosen === undefined || !deps.settings.plan.approve;
    const fresh: PlanRun = {
      id,
      plan,
      hash,
      agent: caller.name,
      ...omitUndefined({
        wish: chosen?.id,
        project: existing?.id,
        isNewProject: existing ? undefined : (true as const),
      }),
      state: "awaiting_approval",
      checked: { warnings, cost },
      at: now,
      complete,
      starts: before?.starts ?? 0,
    };
    const kept = before && isSame ? before : fresh;
    const run = isApproved ? startRun({ ...kept, agent: caller.name }) : kept;
    const linked = await prepareLinkedWish(context, chosen, run);
    const event: PlanEvent = { kind: "plan_proposed", ...toPlanEventFields(run), hash, tasks: plan.tasks.length };
    const published = isApproved ? undefined : await preparePlanEvent(deps, run, rev, event, correlation);
    return {
      expect: linked.expect,
      put: [toPlanRunPut(run), ...linked.put, ...(published?.put ?? [])] satisfies Put[],
      jobs: [...(isApproved ? [createPlanJob(run, correlation)] : []), ...(published?.jobs ?? [])] satisfies Job[],
      result: run,
      afterCommit: () => {
        published?.afterCommit();
        deps.log.info(isApproved ? "plan started" : "plan proposed", { correlation, plan: id, agent: caller.name });
        deps.kick();
      },
    };
  });
}

async function readCompleteTasks({ deps }: CallContext, plan: Plan, project: KeptProject): Promise<string[]> {
  const progress = await readPlanProgress(deps, project.id);
  const names = await Promise.all(plan.tasks.map(async (task) => ({ task, name: await hashPlannedTask(task) })));
  return names.filter(({ task, name }) => isTaskComplete(task, progress[name])).map(({ name }) => name);
}

async function throwIfDecided({ deps }: CallContext, run: PlanRun): Promise<void> {
  if (run.state !== "running" && run.state !== "done") return;
  const project = run.project === undefined ? undefined : await findProject(deps, run.project);
  const name = project ? `${project.name} (${project.identifier})` : run.plan.project;
  throw new GroundcrewError(
    "conflict",
    `The plan for this wish is ${run.state === "done" ? "complete" : "being carried out"}: the project ${name}. A wish has one plan. Change its tasks, or add some with create_task.`,
  );
}

function throwIfRejected({ state, reason }: PlanRun): void {
  if (state !== "rejected") return;
  const because = reason === undefined ? "" : `: ${reason}`;
  throw new GroundcrewError(
    "conflict",
    `A person rejected this plan${because}. Change it before you propose it again.`,
  );
}

/** Prepares the writes after which the wish has this plan. */
async function prepareLinkedWish(
  { deps, caller }: CallContext,
  chosen: Wish | undefined,
  run: PlanRun,
): Promise<Required<Pick<Commit, "expect" | "put">>> {
  if (!chosen) return { expect: [], put: [] };
  const key = workKeys.wish(chosen.id);
  const [kept] = await deps.store.read<Wish>([key]);
  const expect: [StoreKey, Revision][] = [[key, kept?.rev ?? 0]];
  if (kept?.value.state === "closed") throw createClosedWishError(chosen.id);
  const { answeredAt: _, ...current } = kept?.value ?? chosen;
  const wish: Wish = { ...current, agent: caller.name, state: "planned", plan: run.id };
  return { expect, put: [toWishPut(wish)] };
}
