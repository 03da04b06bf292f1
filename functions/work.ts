/**
 * Effects of changes on the tasks of agents: the rules that request them, the handler of the queue `work`, which runs
 * the operation of each kind of job, the handlers of the queues of what people write to agents, and the tick that ends
 * expired claims.
 */

import type { Deps, JobHandler, Tick } from "../shared/app/deps.ts";
import type { AgentSettings } from "../shared/config/settings-file.ts";
import { inboxBodySchema, storedUpdateBodySchema } from "../shared/jobs/incoming-jobs.ts";
import { parseJobBody, toLabelsLane, type WorkJobBody, workJobBodySchema } from "../shared/jobs/internal-jobs.ts";
import { createProgressJobs } from "../shared/jobs/outgoing-jobs.ts";
import { type ProcedureKind, resumeProcedure } from "../shared/procedure/procedure.ts";
import { closeTaskRequests, handleDueRequest } from "../shared/requests/requests.ts";
import { createSchedule, handleScheduleComment } from "../shared/schedules/change-schedule.ts";
import { readDependantIds } from "../shared/sync/dependency-edges.ts";
import type { AnyEvent } from "../shared/task/events.ts";
import type { EventFacts, RuleAction, RuleSet } from "../shared/task/rule-set.ts";
import { mirrorAgentLabels } from "../shared/tasks/agent-labels.ts";
import { createCallContext, SYSTEM_CALLER } from "../shared/tasks/call-context.ts";
import { writeCard } from "../shared/tasks/card-comment.ts";
import { queueResolveBlocked, resolveBlocked } from "../shared/tasks/dependencies.ts";
import { checkClaim, expireClaims, handleClaimEnd, restoreClaim } from "../shared/tasks/lifecycle/claim-upkeep.ts";
import { reconcileReview, VERDICT } from "../shared/tasks/lifecycle/reviews.ts";
import { STATUS_CHANGE } from "../shared/tasks/lifecycle/status-change.ts";
import { postAnswer } from "../shared/tasks/people/questions.ts";
import { handleMention, postRemark, wakeForHeldRemarks } from "../shared/tasks/people/remarks.ts";
import { createPlanProcedure } from "../shared/tasks/planning/run-plan.ts";
import { closeTicket, requestTicket } from "../shared/tickets/approval.ts";
import { runUpdateJob } from "../shared/tickets/completion.ts";
import { MINUTE } from "../shared/time.ts";

/** The jobs that check what a change of an item means for its claim, its labels and its dependants. */
type ItemCheck = "mirror" | "check_claim" | "resolve_dependants";

type BodyByType = { [Body in WorkJobBody as Body["type"]]: Body };

/** The jobs that complete at once or fail; the others may ask to be tried again later. */
type OperationType = Exclude<keyof BodyByType, "ticket_update" | "mirror" | "resume_procedure">;

/** The handlers of other queues for the same bodies. */
type PeopleHandlers = Record<"webhooks" | "updates" | "work", JobHandler>;

const peopleBodySchema = inboxBodySchema.or(storedUpdateBodySchema);

/** All kinds of procedures: what takes several steps, and continues after an interruption. */
export const PROCEDURES: readonly ProcedureKind<object, unknown>[] = [
  STATUS_CHANGE,
  VERDICT,
  createPlanProcedure(({ deps, correlation }, task, rule) =>
    createSchedule(createCallContext(deps, SYSTEM_CALLER, correlation), { task }, rule),
  ),
];

/** The checks after each kind of event. */
const ITEM_CHECKS: Partial<Record<AnyEvent["kind"], readonly ItemCheck[]>> = {
  created: ["mirror"],
  restored: ["mirror"],
  assigned: ["mirror"],
  unassigned: ["check_claim", "mirror"],
  removed: ["check_claim"],
  completed: ["check_claim", "resolve_dependants"],
  reopened: ["check_claim", "resolve_dependants"],
  cancelled: ["check_claim", "resolve_dependants"],
  blocked: ["check_claim", "resolve_dependants"],
  started: ["resolve_dependants"],
  unblocked: ["resolve_dependants"],
};

/** What each kind of job runs. */
const OPERATIONS: { [Type in OperationType]: (deps: Deps, body: BodyByType[Type]) => Promise<unknown> } = {
  claim_ended: handleClaimEnd,
  async check_claim(deps, body) {
    await closeTaskRequests(deps, body.item, body.correlation);
    await checkClaim(deps, body);
  },
  restore_claim: restoreClaim,
  async resolve_dependants(deps, { item, correlation }) {
    await queueResolveBlocked(deps, [item, ...(await readDependantIds(deps, item))], correlation);
  },
  resolve_blocked: resolveBlocked,
  reviewed: (deps, { item, correlation }) => reconcileReview(deps, item, correlation),
  ticket: requestTicket,
  ticket_closed: (deps, { item, correlation }) => closeTicket(deps, item, correlation),
  card: writeCard,
  request_due: handleDueRequest,
  post_remark: postRemark,
  mention: handleMention,
  recur: handleScheduleComment,
  deferred_remarks: wakeForHeldRemarks,
  answer: postAnswer,
};

/** Handles the jobs that follow from agents' work: ends of claims, cards, labels, dependencies, reminders. */
export const workHandler: JobHandler = {
  queue: "work",
  // Repeating a job is safe; the lease is long because a Plane request may wait 90 s for its turn.
  leaseMs: 2 * MINUTE,
  concurrency: 4,
  async handle(deps, job) {
    const body = parseJobBody(job, workJobBodySchema);
    if (body.type === "ticket_update") return runUpdateJob(deps, body, job);
    if (body.type === "resume_procedure") return resumeProcedure(deps, PROCEDURES, body, job);
    if (body.type === "mirror") return (await mirrorAgentLabels(deps, body)) ?? { done: true };
    if (body.type === "card") await queueLiveUpdate(deps, body, job.id);
    await runOperation(deps, body.type, body);
    if (body.type === "claim_ended") await queueLiveUpdate(deps, body, job.id);
    return { done: true };
  },
};

/**
 * Creates the handlers of `people`, which records webhooks of comments, and replies and stops from Telegram and the
 * page, and of `posts`, which writes to Plane what follows from them. Their workers do nothing else, so no label, card
 * or read delays a person's words.
 */
export function createPeopleHandlers({ webhooks, updates, work }: PeopleHandlers): JobHandler[] {
  return [
    {
      queue: "people",
      leaseMs: MINUTE,
      concurrency: 8,
      handle: (deps, job) =>
        (parseJobBody(job, peopleBodySchema).type === "plane_webhook" ? webhooks : updates).handle(deps, job),
    },
    { ...work, queue: "posts" },
  ];
}

/** Checks all claims every minute, so that a silent agent does not hold a task for longer. No request to Plane. */
export const claimsTick: Tick = {
  name: "claims",
  cron: () => "* * * * *",
  async run(deps) {
    const counts = await expireClaims(deps, `claims-${deps.newId()}`);
    deps.notify();
    return counts;
  },
};

/**
 * The rules for agents' work: after an event, claims are checked, labels and assignees are synchronized, and dependants
 * are blocked or unblocked. Without agents no rule matches.
 */
export function createWorkRules(agents: readonly AgentSettings[]): RuleSet {
  return {
    name: "work",
    isInternal: true,
    needsActor: () => false,
    decide(event, facts, correlation) {
      const { item } = facts;
      if (agents.length === 0 || !item) return [];
      return listChecks(event, item).map((type): RuleAction => {
        const lane = type === "mirror" ? toLabelsLane(item.id) : `work:${item.id}`;
        const body = { type, item: item.id, correlation };
        return { target: type, queue: "work", lane, body, rule: `work.${type}` };
      });
    },
  };
}

function listChecks(event: AnyEvent, { dependants, word: status }: NonNullable<EventFacts["item"]>) {
  // A task with an open blocker continues by itself once that is done; a task marked as blocked does not.
  if (event.kind === "blocked" && status !== "blocked") return [];
  return (ITEM_CHECKS[event.kind] ?? []).filter((type) => type !== "resolve_dependants" || dependants > 0);
}

/** Updates the live messages of an item in Telegram after it was claimed or released, or when its card changes. */
async function queueLiveUpdate(deps: Deps, { item, correlation }: BodyByType["card" | "claim_ended"], jobId: string) {
  const jobs = createProgressJobs(deps.settings, item, jobId, correlation);
  if (jobs.length === 0) return;
  await deps.store.commit({ jobs });
  deps.notify();
}

async function runOperation<Type extends OperationType>(deps: Deps, type: Type, body: BodyByType[Type]): Promise<void> {
  await OPERATIONS[type](deps, body);
}
