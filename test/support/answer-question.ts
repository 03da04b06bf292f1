import type { TaskDeps } from "../../shared/app/deps.ts";
import { decideRequest, findRequest } from "../../shared/requests/requests.ts";

/** Answers a question as a person does over HTTP; returns the outcome. */
export async function answerQuestion(deps: TaskDeps, id: string, { text, by }: { text: string; by: string }) {
  const hash = (await findRequest(deps, id))?.value.hash ?? "";
  const decision = { answer: "answer", hash, comment: text, by, where: "api" } as const;
  return (await decideRequest(deps, id, decision, deps.newId())).outcome;
}
