import { prepareProjectUpdate } from "../../observe/prepare-project-update.ts";
import { observedKeys, observedSets } from "../../observe/store-keys.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import { readAllRows } from "../../store/scan-set.ts";
import { updateValue, type ValueUpdate } from "../../store/update.ts";
import { isOpenItem } from "../../task/diff.ts";
import type { PlanEvent } from "../../task/events.ts";
import type { KeptItem } from "../../task/snapshot.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import { CLOSED_WISH_MS, toWishPut, type Wish } from "../wishes/wish-record.ts";
import { type PlanRun, toPlanRunPut } from "./plan-run.ts";
import { preparePlanEvent, toPlanEventFields } from "./prepare-plan-event.ts";

/**
 * Publishes `plan_completed` for each finished plan of a project whose tasks are all closed, once. A project that is
 * complete with it is recorded in the same commit, so that the Concierge is not woken for the same reason twice. Makes
 * no request to Plane.
 */
export async function completePlans(deps: WorkDeps, project: string, correlation: string): Promise<void> {
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
  deps: Pick<WorkDeps, "store">,
  { items: ids = [] }: PlanRun,
): Promise<number | undefined> {
  if (ids.length === 0) return undefined;
  const items = await deps.store.read<KeptItem>(ids.map(observedKeys.item));
  return items.some((item) => item && isOpenItem(item.value)) ? undefined : ids.length;
}

/** Prepares the completion of a project that has no open task either; its event says that the plan reports it. */
async function prepareProjectCompletion(deps: WorkDeps, id: string, correlation: string): Promise<ValueUpdate> {
  const [kept] = await deps.store.read<KeptProject>([observedKeys.project(id)]);
  if (!kept?.value.baseline || kept.value.completed) return {};
  if ((await deps.store.count(observedSets.open(id))) > 0) return {};
  const { completedAtBaseline: _, ...project } = kept.value;
  const event = { kind: "project_completed", planned: true } as const;
  const update = await prepareProjectUpdate(deps, { ...project, completed: true }, kept.rev, [event], correlation);
  return { ...update, expect: [[observedKeys.project(id), kept.rev], ...(update.expect ?? [])] };
}

/** Prepares the end of a wish's retention: it is deleted some time after its plan is complete, also if nobody closes it. */
async function prepareWishRetention(deps: Pick<WorkDeps, "store">, { wish }: PlanRun): Promise<ValueUpdate> {
  if (wish === undefined) return {};
  const [kept] = await deps.store.read<Wish>([workKeys.wish(wish)]);
  if (kept?.value.state !== "planned") return {};
  return { expect: [[workKeys.wish(wish), kept.rev]], put: [toWishPut(kept.value, CLOSED_WISH_MS)] };
}
