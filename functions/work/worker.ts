import type { Deps, Worker } from "../../shared/deps.ts";
import { progressJobs } from "../../shared/telegram/look.ts";
import { adoptClaim } from "../../shared/work/adopt.ts";
import { writeCard } from "../../shared/work/card-write.ts";
import { finishCut } from "../../shared/work/cut.ts";
import { endedUpload } from "../../shared/work/deliver-half.ts";
import { endedClaim } from "../../shared/work/ended.ts";
import { type WorkBody, workBody } from "../../shared/work/jobs.ts";
import { checkClaim } from "../../shared/work/lapse.ts";
import { mirror } from "../../shared/work/mirror.ts";
import { closeQuestions, remindOf, writeAnswer } from "../../shared/work/question.ts";
import { takeReply } from "../../shared/work/reply.ts";
import { settleReview } from "../../shared/work/review.ts";
import { settleStuck, stickDependants, unstickDependants } from "../../shared/work/stuck.ts";

/** Works what follows from agents' work: the ends of claims, cards, labels, reminders. */
export const work: Worker = {
  queue: "work",
  // Twice is once; but a call of Plane may wait 90 s for its turn.
  ttl: 120_000,
  parallel: 4,
  async work(deps, job) {
    const body = workBody.parse(job.body);
    if (body.do === "mirror") return (await mirror(deps, body)) ?? { done: true };
    if (body.do === "card") await showProgress(deps, body, job.id);
    await run(deps, body);
    if (body.do === "ended") await showProgress(deps, body, job.id);
    return { done: true };
  },
};

/** A task was claimed, its card is due, or nobody holds it any more: who follows it in Telegram sees so. */
async function showProgress(deps: Deps, { item, correlation }: WorkBody, cause: string): Promise<void> {
  const jobs = progressJobs(deps.settings, item, cause, correlation);
  if (jobs.length === 0) return;
  await deps.store.commit({ jobs });
  deps.kick();
}

/** One case for each kind of later work; what is done lives in `shared/work`. */
async function run(deps: Deps, body: Exclude<WorkBody, { do: "mirror" }>): Promise<void> {
  switch (body.do) {
    case "ended":
      return endedClaim(deps, body);
    case "check":
      await closeQuestions(deps, body.item);
      return checkClaim(deps, body);
    case "adopt":
      return adoptClaim(deps, body);
    case "half":
      return endedUpload(deps, body);
    case "stick":
      return stickDependants(deps, body);
    case "unstick":
      return unstickDependants(deps, body);
    case "settle":
      return settleStuck(deps, body);
    case "reviewed":
      return settleReview(deps, body.item, body.correlation);
    case "cut":
      return finishCut(deps, body.item, body.correlation);
    case "card":
      return writeCard(deps, body);
    case "remind":
      return remindOf(deps, body);
    case "reply":
      return takeReply(deps, body);
    case "answer":
      return writeAnswer(deps, body.question, body.correlation);
  }
}
