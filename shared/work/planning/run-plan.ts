import type { Deps } from "../../app/deps.ts";
import { cleanLine } from "../../clean-text.ts";
import { GroundcrewError, getErrorMessage } from "../../errors.ts";
import { observedKeys } from "../../observe/store-keys.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { PlaneAuthError, PlaneError, PlaneRateLimitedError, PlaneUnavailableError } from "../../plane/errors.ts";
import { getRefusal } from "../../refusals/render-refusal.ts";
import type { LeasedJob, Settlement } from "../../store/job-operations.ts";
import { updateValue } from "../../store/update.ts";
import type { PlanEvent } from "../../task/events.ts";
import { type Ms, SECOND } from "../../time.ts";
import { type CallContext, createCallContext, type WorkDeps } from "../context/call-context.ts";
import { withLock } from "../context/with-lock.ts";
import { workKeys } from "../context/work-keys.ts";
import { failRun, findPlanRun, type PlanRun, toPlanRunPut } from "../plan-runs/plan-run.ts";
import { preparePlanEvent, toPlanEventFields } from "../plan-runs/prepare-plan-event.ts";
import { findProject } from "../tasks/find-task.ts";
import { resolveAssignees, resolveBlockers } from "./check-plan.ts";
import { createProject, isProjectIncomplete } from "./create-project.ts";
import { finishPlan } from "./finish-plan.ts";
import { runPlanSteps } from "./plan-steps.ts";

/** Delay of the next attempt after a failure that may pass: 15 s, so that a plan continues soon after Plane is back. */
const RETRY_MS: Ms = 15 * SECOND;
/** Limit of attempts at a step that fails although Plane answers, for example with an unknown form: 5, over a minute. */
const MAX_ATTEMPTS = 5;
/** Limit of a failure's reason, in characters. */
const MAX_REASON_LENGTH = 1_000;

const DONE: Settlement = { done: true };

/**
 * Carries out the steps of a plan that are left, as the agent that made it and at its pace, for as long as one call may
 * wait; then the job is due again. A plan that cannot be completed fails with the reason, and the Concierge is woken.
 */
export async function runPlan(
  deps: WorkDeps & Pick<Deps, "settings">,
  { plan: id, correlation }: { plan: string; correlation: string },
  { failures }: Pick<LeasedJob, "failures">,
): Promise<Settlement> {
  const run = await findPlanRun(deps, id);
  if (run?.state !== "running") return DONE;
  try {
    const context = createCallContext(deps, { name: run.agent, role: requirePlanner(deps, run) }, correlation);
    await carryOut(context, run);
    await finishPlan(deps, id, correlation);
    return DONE;
  } catch (thrown) {
    const delay = getPassingDelay(thrown);
    if (delay !== undefined) return { retryAt: (await deps.store.now()) + delay };
    if (!isRefusal(thrown) && failures + 1 < MAX_ATTEMPTS) {
      deps.log.warn("plan interrupted", { correlation, plan: id, agent: run.agent, error: getErrorMessage(thrown) });
      return { retryAt: (await deps.store.now()) + RETRY_MS, failed: true };
    }
    await failPlan(deps, id, thrown, correlation);
    return DONE;
  }
}

/** Throws `conflict` when the agent that made the plan may not plan any more. */
function requirePlanner({ settings }: Pick<Deps, "settings">, { agent }: PlanRun): "concierge" {
  const role = settings.agents.find(({ name }) => name === agent)?.role;
  if (role === "concierge") return role;
  const exists = settings.agents.some(({ name }) => name === agent);
  const reason = exists ? "is no longer a Concierge" : "is no longer an agent in the settings";
  throw new GroundcrewError("conflict", `${agent}, which made this plan, ${reason}. Let a Concierge repeat the plan.`, {
    refusal: { name: "planner", values: { agent } },
  });
}

async function carryOut(context: CallContext, run: PlanRun): Promise<void> {
  const { deps } = context;
  const { plan } = run;
  const project = await getOrCreateProject(context, run);
  const problems: string[] = [];
  const assignees = await resolveAssignees(context, plan.tasks, problems);
  if (problems.length > 0)
    throw new GroundcrewError("bad_request", `${problems.join("; ")}.`, { refusal: { name: "planAssignees" } });
  // A blocker outside the plan that was removed meanwhile blocks nothing.
  const externalTasks = await resolveBlockers(context, plan.tasks, []);
  const warn = (text: string) => addWarning(deps, run.id, text);
  await withLock(context, "plan", project.id, (renew) =>
    runPlanSteps({
      context,
      project,
      tasks: plan.tasks,
      cycles: plan.cycles ?? [],
      assignees,
      externalTasks,
      renew,
      warn,
    }),
  );
}

/** Returns the plan's project; a new one is created, and recorded before it gets tasks. */
async function getOrCreateProject(context: CallContext, { id, plan, project }: PlanRun): Promise<KeptProject> {
  const { deps } = context;
  if (project !== undefined) {
    const [kept] = await deps.store.read<KeptProject>([observedKeys.project(project)]);
    if (kept) return kept.value;
  }
  const isIncomplete = await isProjectIncomplete(context, plan.project);
  const existing = isIncomplete ? undefined : await findProject(deps, plan.project);
  const found = existing ?? (await createProject(context, { ...plan, name: plan.project }));
  await updateRunningRun(deps, id, (run) => ({ ...run, project: found.id }));
  return found;
}

async function addWarning(deps: WorkDeps, id: string, text: string): Promise<void> {
  await updateRunningRun(deps, id, (run) =>
    run.warnings?.includes(text) ? undefined : { ...run, warnings: [...(run.warnings ?? []), text] },
  );
}

async function updateRunningRun(
  deps: WorkDeps,
  id: string,
  change: (run: PlanRun) => PlanRun | undefined,
): Promise<void> {
  await updateValue<PlanRun>(deps, workKeys.planRun(id), (run) => {
    const next = run?.state === "running" ? change(run) : undefined;
    return next && { put: [toPlanRunPut(next)] };
  });
}

async function failPlan(deps: WorkDeps, id: string, thrown: unknown, correlation: string): Promise<void> {
  await updateValue<PlanRun>(deps, workKeys.planRun(id), async (run, rev) => {
    if (run?.state !== "running") return undefined;
    const reason = cleanLine(getErrorMessage(thrown), MAX_REASON_LENGTH);
    const failed = failRun(run, reason, await deps.store.now());
    const refusal = omitUndefined({ refusal: getRefusal(thrown) });
    const event: PlanEvent = { kind: "plan_failed", ...toPlanEventFields(run), text: reason, ...refusal };
    const { put, jobs, afterCommit } = await preparePlanEvent(deps, failed, rev, event, correlation);
    deps.log.warn("plan failed", { correlation, plan: id, agent: run.agent, reason });
    return { put: [toPlanRunPut(failed), ...put], jobs, afterCommit };
  });
}

/** The delay after which to continue when Plane cannot answer now; undefined for every other failure. */
function getPassingDelay(thrown: unknown): Ms | undefined {
  if (thrown instanceof PlaneRateLimitedError) return thrown.retryAfter;
  return thrown instanceof PlaneUnavailableError ? (thrown.retryAfter ?? RETRY_MS) : undefined;
}

/** Whether Plane or Groundcrew refuses the step whenever it is repeated. */
function isRefusal(thrown: unknown): boolean {
  if (thrown instanceof PlaneAuthError) return thrown.reason === "permission";
  if (thrown instanceof PlaneError) return ["conflict", "invalid", "not_found"].includes(thrown.code);
  return (
    thrown instanceof GroundcrewError && ["bad_request", "conflict", "forbidden", "not_found"].includes(thrown.code)
  );
}
