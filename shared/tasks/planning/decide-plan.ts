/**
 * What people decide about a proposed plan, and its end: approved, sent back or cancelled, and complete when all its
 * tasks are closed.
 */

import type { RequestKind, StoreDeps, TaskDeps } from "../../app/deps.ts";
import type { PlannedTask } from "../../config/sections-schema.ts";
import { localizeMoney } from "../../i18n/localize.ts";
import { describeSchedule } from "../../i18n/schedule-words.ts";
import { keepDefined, omitUndefined } from "../../omit-undefined.ts";
import type { ProjectRecord } from "../../records/plane-records.ts";
import { observedKeys, observedSets, workKeys, workSets } from "../../records/store-keys.ts";
import { createRequest } from "../../requests/requests.ts";
import type { Put } from "../../store/port.ts";
import { mergeUpdates, readAllRows, updateValue, type ValueUpdate } from "../../store/records.ts";
import { prepareProjectUpdate } from "../../sync/projects.ts";
import type { PlanEvent } from "../../task/events.ts";
import type { RequestPart, RequestRecord, RequestVerdict } from "../../task/request.ts";
import { type ItemRecord, isOpenItem } from "../../task/snapshot.ts";
import { cleanLine } from "../../text.ts";
import {
  countPlannedTasks,
  isPlanRequestId,
  type PlanCost,
  type PlannedRecurrence,
  type PlanRun,
  queuePlan,
  startRun,
  TASK_LABEL,
  toPlanRequestId,
  toPlanRunPut,
} from "../plan-record.ts";
import { CLOSED_WISH_MS, getWishText, toWishPut, WISH_TEXT_LIMIT, type Wish } from "../wishes.ts";
import { preparePlanEvent, toPlanEventFields } from "../work-events.ts";

/**
 * A proposed plan is a request of its own for each proposal, so that only what a person was shown can be approved. An
 * approved plan is carried out from then on. A plan that is sent back opens its wish again, and the Concierge is woken
 * with the reason; one that is rejected is not planned again. The Concierge learns each verdict.
 */
export const PLAN: RequestKind = {
  async announce(deps, { value: request, rev }, correlation) {
    const { id, hash, from: agent } = request;
    const { plan = "", title, project } = request.subject;
    const tasks = countPlannedTasks(request);
    const event: PlanEvent = { kind: "plan_proposed", plan, agent, title, request: id, hash, tasks };
    return preparePlanEvent(deps, project, { record: workKeys.request(id), rev }, event, correlation);
  },
  async decide(deps, { value: { id, subject, verdict } }, correlation) {
    const key = workKeys.planRun(subject.plan ?? "");
    const [stored] = await deps.store.read<PlanRun>([key]);
    if (!stored || toPlanRequestId(stored.value) !== id || stored.value.state !== "awaiting_approval") return undefined;
    const { value: run, rev } = stored;
    const { next, event, update } = await prepareVerdict(deps, run, verdict, correlation);
    const published = await preparePlanEvent(deps, run.project, { record: key, rev }, event, correlation);
    return mergeUpdates([{ expect: [[key, rev]], put: [toPlanRunPut(next)] }, update, published]);
  },
  // A plan and its wish are only in the store.
  restore: async (_, id) => (isPlanRequestId(id) ? "planGone" : undefined),
};

/** Creates the request for a proposal: the warnings and the cost come before its tasks, which are shown in full. */
export async function createPlanRequest(run: PlanRun, wish: Wish | undefined): Promise<RequestRecord> {
  const { id, agent, plan, checked, at, project } = run;
  const { message } = wish ?? {};
  const input = keepDefined<RequestPart>([
    ...(checked?.warnings ?? []).map((value) => ({ label: "Warning", value })),
    checked && { label: "Cost", value: describeCost(checked.cost) },
    wish && { label: "Request", value: `${wish.by}: ${getWishText(wish)}` },
    plan.identifier === undefined ? undefined : { label: "Identifier", value: plan.identifier },
    ...plan.tasks.map((task, i) => {
      return { label: `${TASK_LABEL}${i + 1}`, value: describeTask(task, plan.recurs, checked?.cost.currency) };
    }),
    ...(plan.cycles ?? []).map(({ name, start_date: from = "", end_date: to = "" }) => ({
      label: "Cycle",
      value: from === "" ? name : `${name}: ${from} to ${to}`,
    })),
  ]);
  const subject = { title: plan.project, plan: id, ...omitUndefined({ project, message }) };
  const content = { from: agent, text: plan.description ?? "", input, options: [] };
  const answers = ["approve", "send_back", "reject"];
  const request = { id: toPlanRequestId(run), kind: "plan", subject, urgency: "normal", ...content, answers } as const;
  return createRequest(request, at);
}

function describeCost({ estimated, unknown, spent, open, budget, currency }: PlanCost): string {
  const amounts = { estimated, spent, "estimated for open tasks": open, "budget of the month": budget };
  const parts = Object.entries(amounts).flatMap(([name, amount]) =>
    amount === undefined ? [] : [`${localizeMoney("en", amount, currency)} ${name}`],
  );
  return [...parts, ...(unknown > 0 ? [`cost of ${unknown} tasks unknown`] : [])].join(", ");
}

function describeTask(
  { title, assignee, blocked_by: blockers = [], description, ...task }: PlannedTask,
  recurs: PlannedRecurrence | undefined,
  currency: string | undefined,
): string {
  const { priority, due_date: due, estimate: { minutes, cost } = {}, cycle, module } = task;
  const recurrence = recurs && describeSchedule(recurs.cron, "en");
  const after = blockers.join(", ") || undefined;
  const notes = { recurs: recurrence, to: assignee, after, priority, due, cycle, module };
  const lines = Object.entries(notes).flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]));
  const figures = keepDefined([
    minutes === undefined ? undefined : `${minutes} min`,
    cost === undefined ? undefined : localizeMoney("en", cost, currency),
  ]);
  return [title, [...lines, ...figures].join(", "), description ?? ""].filter((line) => line !== "").join("\n");
}

async function prepareVerdict(
  deps: TaskDeps,
  run: PlanRun,
  { answer, by, comment = "" }: RequestVerdict,
  correlation: string,
): Promise<{ next: PlanRun; event: PlanEvent; update: ValueUpdate }> {
  const fields = toPlanEventFields(run);
  const reason = cleanLine(comment, WISH_TEXT_LIMIT) || null;
  if (answer === "approve") {
    const next = startRun(run, by);
    const event: PlanEvent = { kind: "plan_approved", ...fields, by, reason };
    return { next, event, update: await queuePlan(deps, next, correlation) };
  }
  const isCancelled = answer === "reject";
  const cancelled = isCancelled ? { cancelled: true as const } : {};
  const endedAt = await deps.store.now();
  return {
    next: { ...run, state: "rejected", endedAt, ...omitUndefined({ reason: reason ?? undefined }) },
    event: { kind: "plan_rejected", ...fields, by, reason, ...cancelled },
    update: isCancelled ? {} : await preparePlannedWish(deps, run, toReopenedWishPut),
  };
}

/** Prepares a change of the wish that has this plan; none when it has another one or is closed. */
async function preparePlannedWish(
  deps: StoreDeps,
  { wish }: PlanRun,
  toPut: (wish: Wish) => Put,
): Promise<ValueUpdate> {
  if (wish === undefined) return {};
  const key = workKeys.wish(wish);
  const [stored] = await deps.store.read<Wish>([key]);
  const put = stored?.value.state === "planned" ? [toPut(stored.value)] : [];
  return { expect: [[key, stored?.rev ?? 0]], put };
}

const toReopenedWishPut = ({ plan: _plan, answeredAt: _answeredAt, ...wish }: Wish) =>
  toWishPut({ ...wish, state: "open" });

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
        await preparePlanEvent(deps, project, { record: workKeys.planRun(run.id), rev }, event, correlation),
        await prepareProjectCompletion(deps, project, correlation),
        // The wish is deleted some time after its plan is complete, also if nobody closes it.
        await preparePlannedWish(deps, run, (wish) => toWishPut(wish, CLOSED_WISH_MS)),
      ]);
    });
}

/** The number of a plan's tasks when all are closed or removed; undefined while one is open, and for a plan without. */
async function readClosedTasks(deps: StoreDeps, { items: ids = [] }: PlanRun): Promise<number | undefined> {
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
