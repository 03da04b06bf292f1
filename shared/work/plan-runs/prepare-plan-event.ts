import { decideActions } from "../../observe/decide-actions.ts";
import { toProjectFacts } from "../../observe/event-facts.ts";
import { observedKeys } from "../../observe/store-keys.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import type { Revision } from "../../store/port.ts";
import type { ValueUpdate } from "../../store/update.ts";
import type { PlanEvent } from "../../task/events.ts";
import type { EventFacts } from "../../task/rule-set.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import type { PlanRun } from "./plan-run.ts";

/** The fields that every event of a plan has. */
export function toPlanEventFields({ id, agent, plan }: PlanRun): { plan: string; agent: string; title: string } {
  return { plan: id, agent, title: plan.project };
}

/** Prepares the puts and jobs that publish an event of a plan, for a commit that expects its run at this revision. */
export async function preparePlanEvent(
  deps: WorkDeps,
  run: PlanRun,
  rev: Revision,
  event: PlanEvent,
  correlation: string,
): Promise<Required<Pick<ValueUpdate, "put" | "jobs">> & { afterCommit: () => void }> {
  const decision = await decideActions(deps, {
    key: workKeys.planRun(run.id),
    rev,
    events: [event],
    correlation,
    via: "bridge",
    facts: () => readPlanFacts(deps, run),
  });
  return {
    put: decision.put,
    jobs: decision.jobs,
    afterCommit: () => {
      decision.publish();
      deps.kick();
    },
  };
}

async function readPlanFacts(deps: WorkDeps, { project }: PlanRun): Promise<EventFacts> {
  const at = new Date(await deps.store.now()).toISOString();
  const [kept] = project === undefined ? [] : await deps.store.read<KeptProject>([observedKeys.project(project)]);
  return kept ? toProjectFacts(deps, kept.value, at) : { at };
}
