/**
 * Effects of changes on the tasks of agents: the rules that request them, the handler of the queue `work`, which runs
 * the operation of each kind of job, and the tick that ends expired claims.
 */

import type { Deps, JobHandler, Tick } from "../shared/app/deps.ts";
import type { AgentSettings } from "../shared/config/settings-file.ts";
import { parseJobBody } from "../shared/jobs/job-body.ts";
import { createProgressJobs } from "../shared/jobs/outgoing-jobs.ts";
import { toLabelsLane, type WorkJobBody, workJobBodySchema } from "../shared/jobs/work-jobs.ts";
import type { AnyEvent } from "../shared/task/events.ts";
import type { EventFacts, RuleAction, RuleSet } from "../shared/task/rule-set.ts";
import { mirrorAgentLabels } from "../shared/tasks/agent-labels.ts";
import { writeCard } from "../shared/tasks/card-comment.ts";
import { cleanUpPartialUpload } from "../shared/tasks/deliverables/deliver-file.ts";
import { blockDependants, resolveBlocked, unblockDependants } from "../shared/tasks/dependency-blocks.ts";
import { checkClaim, expireClaims, handleClaimEnd, restoreClaim } from "../shared/tasks/lifecycle/claim-upkeep.ts";
import { reconcileReview } from "../shared/tasks/lifecycle/reviews.ts";
import { resumeInterruptedChange } from "../shared/tasks/lifecycle/set-status.ts";
import { answerFromComment, closeQuestions, postAnswer, remindQuestion } from "../shared/tasks/people/questions.ts";
import { handleMention, handleRemark, wakeForHeldRemarks } from "../shared/tasks/people/remarks.ts";
import { runPlan } from "../shared/tasks/planning/run-plan.ts";
import { closeTicket, requestTicket } from "../shared/tickets/approval.ts";
import { runUpdateJob } from "../shared/tickets/completion.ts";
import { MINUTE } from "../shared/time.ts";

/** The jobs that may follow from an event. */
type FollowUp = Extract<
  WorkJobBody,
  { type: "mirror" | "check_claim" | "unblock_dependants" | "block_dependants" | "reply" | "remark" }
>;

/** The jobs that concern one item. */
type ItemJobBody = Exclude<WorkJobBody, { type: "plan" | "ticket_update" }>;

/** The jobs after which the live messages of their item are updated. */
type LiveUpdateJob = Extract<WorkJobBody, { type: "card" | "claim_ended" }>;

/** Handles the jobs that follow from agents' work: ends of claims, cards, labels, dependencies, reminders. */
export const workHandler: JobHandler = {
  queue: "work",
  // Repeating a job is safe; the lease is long because a Plane request may wait 90 s for its turn.
  leaseMs: 2 * MINUTE,
  concurrency: 4,
  async handle(deps, job) {
    const body = parseJobBody(job, workJobBodySchema);
    if (body.type === "plan") return runPlan(deps, body, job);
    if (body.type === "ticket_update") return runUpdateJob(deps, body, job);
    if (body.type === "mirror") return (await mirrorAgentLabels(deps, body)) ?? { done: true };
    if (body.type === "card") await queueLiveUpdate(deps, body, job.id);
    await runWorkJob(deps, body);
    if (body.type === "claim_ended") await queueLiveUpdate(deps, body, job.id);
    return { done: true };
  },
};

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
 * The rules for agents' work: after an event, claims are checked, labels and assignees are synchronized, dependants are
 * blocked or unblocked, and what people wrote is passed on to agents. Without agents no rule matches.
 */
export function createWorkRules(agents: readonly AgentSettings[]): RuleSet {
  return {
    name: "work",
    isInternal: true,
    needsActor: () => false,
    decide(event, facts, correlation) {
      const { item } = facts;
      if (agents.length === 0 || !item) return [];
      return listFollowUps(event, item, facts, correlation).map((body): RuleAction => {
        const lane = body.type === "mirror" ? toLabelsLane(item.id) : `work:${item.id}`;
        return { target: body.type, queue: "work", lane, body, rule: `work.${body.type}` };
      });
    },
  };
}

function listFollowUps(
  event: AnyEvent,
  item: NonNullable<EventFacts["item"]>,
  facts: EventFacts,
  correlation: string,
): FollowUp[] {
  const common = { item: item.id, correlation };
  switch (event.kind) {
    case "created":
    case "restored":
    case "assigned":
      return [{ type: "mirror", ...common }];
    case "unassigned":
      return [
        { type: "check_claim", ...common },
        { type: "mirror", ...common },
      ];
    case "removed":
      return [{ type: "check_claim", ...common }];
    case "completed":
    case "reopened":
      return [
        { type: "check_claim", ...common },
        ...onlyWithDependants(item, { type: "unblock_dependants", ...common }),
      ];
    case "cancelled":
      return [
        { type: "check_claim", ...common },
        ...onlyWithDependants(item, { type: "block_dependants", ...common, reason: "cancelled" }),
      ];
    case "blocked":
      // A task with an open blocker continues by itself once that is done; a task marked as blocked does not.
      return item.word === "blocked"
        ? [
            { type: "check_claim", ...common },
            ...onlyWithDependants(item, { type: "block_dependants", ...common, reason: "blocked" }),
          ]
        : [];
    case "started":
    case "unblocked":
      return onlyWithDependants(item, { type: "unblock_dependants", ...common });
    case "comment_added":
    case "comment_edited":
      return listCommentFollowUps(event, facts, common);
    default:
      return [];
  }
}

function onlyWithDependants({ dependants }: NonNullable<EventFacts["item"]>, followUp: FollowUp): FollowUp[] {
  return dependants > 0 ? [followUp] : [];
}

/**
 * Passes a person's comment on to agents. An unknown actor counts as a person, so that no word of one is missed. The
 * comment of a program may answer a question, but wakes nobody.
 */
function listCommentFollowUps(
  { kind, comment: id }: Extract<AnyEvent, { kind: "comment_added" | "comment_edited" }>,
  { actor, comment }: EventFacts,
  common: Pick<FollowUp, "item" | "correlation">,
): FollowUp[] {
  if (actor?.isAgent) return [];
  const by = actor?.name ?? "?";
  const source = kind === "comment_added" ? "comment" : "edit";
  if (comment?.remark) return [{ type: "remark", ...common, remark: id, by, ...comment.remark, source }];
  return kind === "comment_added" ? [{ type: "reply", ...common, comment: id, by }] : [];
}

/** Updates the live messages of an item in Telegram after it was claimed or released, or when its card changes. */
async function queueLiveUpdate(deps: Deps, { item, correlation }: LiveUpdateJob, jobId: string): Promise<void> {
  const jobs = createProgressJobs(deps.settings, item, jobId, correlation);
  if (jobs.length === 0) return;
  await deps.store.commit({ jobs });
  deps.notify();
}

/** Dispatches to `shared/tasks` and `shared/tickets`. */
async function runWorkJob(deps: Deps, body: Exclude<ItemJobBody, { type: "mirror" }>): Promise<void> {
  switch (body.type) {
    case "claim_ended":
      return handleClaimEnd(deps, body);
    case "check_claim":
      await closeQuestions(deps, body.item);
      return checkClaim(deps, body);
    case "restore_claim":
      return restoreClaim(deps, body);
    case "clean_upload":
      return cleanUpPartialUpload(deps, body);
    case "block_dependants":
      return blockDependants(deps, body);
    case "unblock_dependants":
      return unblockDependants(deps, body);
    case "resolve_blocked":
      return resolveBlocked(deps, body);
    case "reviewed":
      return reconcileReview(deps, body.item, body.correlation);
    case "resume_status":
      return resumeInterruptedChange(deps, body.item, body.correlation);
    case "ticket":
      return requestTicket(deps, body);
    case "ticket_closed":
      return closeTicket(deps, body.item, body.correlation);
    case "card":
      return writeCard(deps, body);
    case "remind":
      return remindQuestion(deps, body);
    case "reply":
      await answerFromComment(deps, body);
      return;
    case "remark":
      return handleRemark(deps, body);
    case "mention":
      return handleMention(deps, body);
    case "deferred_remarks":
      return wakeForHeldRemarks(deps, body);
    case "answer":
      return postAnswer(deps, body.question, body.correlation);
  }
}
