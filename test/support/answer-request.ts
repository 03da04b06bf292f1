import type { TaskDeps } from "../../shared/app/deps.ts";
import { decideRequest, findRequest } from "../../shared/requests/requests.ts";
import { type PlanRun, toPlanRequestId } from "../../shared/tasks/plan-record.ts";

/** Answers a request as a person does over HTTP, as it is now; returns the outcome. */
export async function answerRequest(deps: TaskDeps, id: string, answer: string, by: string, comment?: string) {
  const hash = (await findRequest(deps, id))?.value.hash ?? "";
  const decision = { answer, hash, by, where: "api", ...(comment === undefined ? {} : { comment }) } as const;
  return (await decideRequest(deps, id, decision, deps.newId())).outcome;
}

/** Answers a question. */
export async function answerQuestion(deps: TaskDeps, id: string, { text, by }: { text: string; by: string }) {
  return answerRequest(deps, id, "answer", by, text);
}

/** Approves the proposal of a run, as Ada. */
export async function approvePlan(deps: TaskDeps, run: Pick<PlanRun, "id" | "hash" | "at">) {
  return answerRequest(deps, toPlanRequestId(run), "approve", "Ada");
}
