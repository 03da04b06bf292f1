import type { Deps, JobHandler } from "../../shared/app/deps.ts";
import { createProgressJobs } from "../../shared/jobs/outbox-jobs.ts";
import { parseJobBody } from "../../shared/jobs/parse-job-body.ts";
import { type WorkJobBody, workJobBodySchema } from "../../shared/jobs/work-jobs.ts";
import { closeTicket, requestTicket } from "../../shared/tickets/request-ticket.ts";
import { runUpdateJob } from "../../shared/tickets/update-plane.ts";
import { MINUTE } from "../../shared/time.ts";
import { writeCard } from "../../shared/work/card/write-card.ts";
import { mirrorAgentLabels } from "../../shared/work/changes/mirror-agent-labels.ts";
import { checkClaim } from "../../shared/work/claim-maintenance/expire-claims.ts";
import { handleClaimEnd } from "../../shared/work/claim-maintenance/handle-claim-end.ts";
import { restoreClaim } from "../../shared/work/claim-maintenance/restore-claim.ts";
import { cleanUpPartialUpload } from "../../shared/work/deliverables/partial-uploads.ts";
import { blockDependants, unblockDependants } from "../../shared/work/dependencies/queue-resolve-blocked.ts";
import { resolveBlocked } from "../../shared/work/dependencies/resolve-blocked.ts";
import { resumeInterruptedChange } from "../../shared/work/lifecycle/resume-interrupted.ts";
import { reconcileReview } from "../../shared/work/lifecycle/review-task.ts";
import { runPlan } from "../../shared/work/planning/run-plan.ts";
import { answerFromComment } from "../../shared/work/questions/answer-from-comment.ts";
import { postAnswer } from "../../shared/work/questions/answer-question.ts";
import { closeQuestions } from "../../shared/work/questions/close-questions.ts";
import { remindQuestion } from "../../shared/work/questions/remind-question.ts";
import { handleMention } from "../../shared/work/remark-handling/handle-mention.ts";
import { handleRemark } from "../../shared/work/remark-handling/handle-remark.ts";
import { wakeForHeldRemarks } from "../../shared/work/remark-handling/receive-remark.ts";

/** Handles the jobs that follow from agents' work: ends of claims, cards, labels, dependencies, reminders. */
export const workHandler: JobHandler = {
  queue: "work",
  // Repeating a job is safe; the lease is long because a Plane request may wait 90 s for its turn.
  leaseMs: 2 * MINUTE,
  concurrency: 4,
  async handle(deps, job) {
    const body = parseJobBody(job, workJobBodySchema);
    if (body.do === "plan") return runPlan(deps, body, job);
    if (body.do === "ticket_update") return runUpdateJob(deps, body, job);
    if (body.do === "mirror") return (await mirrorAgentLabels(deps, body)) ?? { done: true };
    if (body.do === "card") await queueLiveUpdate(deps, body, job.id);
    await runWorkJob(deps, body);
    if (body.do === "ended") await queueLiveUpdate(deps, body, job.id);
    return { done: true };
  },
};

/** The jobs that concern one item. */
type ItemJobBody = Exclude<WorkJobBody, { do: "plan" | "ticket_update" }>;

/** The jobs after which the live messages of their item are updated. */
type LiveUpdateJob = Extract<WorkJobBody, { do: "card" | "ended" }>;

/** Updates the live messages of an item in Telegram after it was claimed or released, or when its card changes. */
async function queueLiveUpdate(deps: Deps, { item, correlation }: LiveUpdateJob, jobId: string): Promise<void> {
  const jobs = createProgressJobs(deps.settings, item, jobId, correlation);
  if (jobs.length === 0) return;
  await deps.store.commit({ jobs });
  deps.kick();
}

/** Dispatches to `shared/work`. The case names are stored in job bodies and keep their old form. */
async function runWorkJob(deps: Deps, body: Exclude<ItemJobBody, { do: "mirror" }>): Promise<void> {
  switch (body.do) {
    case "ended":
      return handleClaimEnd(deps, body);
    case "check":
      await closeQuestions(deps, body.item);
      return checkClaim(deps, body);
    case "adopt":
      return restoreClaim(deps, body);
    case "half":
      return cleanUpPartialUpload(deps, body);
    case "stick":
      return blockDependants(deps, body);
    case "unstick":
      return unblockDependants(deps, body);
    case "settle":
      return resolveBlocked(deps, body);
    case "reviewed":
      return reconcileReview(deps, body.item, body.correlation);
    case "cut":
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
    case "held_remarks":
      return wakeForHeldRemarks(deps, body);
    case "answer":
      return postAnswer(deps, body.question, body.correlation);
  }
}
