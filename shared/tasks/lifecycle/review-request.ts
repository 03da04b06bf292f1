/**
 * The request for a person's review of a finished task (OPENCLAW-12), once for each attempt: what is judged is the
 * agent's report and the task as it is now.
 */

import type { TaskDeps } from "../../app/deps.ts";
import { sha256Hex } from "../../hashing.ts";
import { toMarkdown } from "../../markdown/to-markdown.ts";
import { keepDefined } from "../../omit-undefined.ts";
import type { Task } from "../../records/plane-records.ts";
import { readDeliverables, type StatusChangeRecord } from "../../records/task-records.ts";
import { createRequest, publishRequest } from "../../requests/requests.ts";
import { findPlanePerson } from "../../sync/names.ts";
import type { RequestPart, RequestRecord } from "../../task/request.ts";
import { toRequestSubject } from "../find-task.ts";

type StatusReport = Pick<StatusChangeRecord["input"], "agent" | "text" | "commit" | "tests">;

/** The parts that the agent's report gives; the others are of the task and may change. */
export const REPORTED_PARTS: readonly string[] = ["Confidence", "Commit", "Tests"];

/**
 * Requests a review, once for each attempt, and returns its id. A request that exists is not made again, also when it
 * was decided, which a change that is resumed late may find.
 */
export async function requestReview(
  deps: TaskDeps,
  task: Task,
  { id, input }: StatusChangeRecord,
  correlation: string,
): Promise<string> {
  const { review: confidence = 0 } = input;
  const requestId = (await sha256Hex(JSON.stringify(["review", task.id, id]))).slice(0, 32);
  const request = await createReview(deps, task, requestId, { ...input, confidence });
  await publishRequest(deps, request, correlation);
  return request.id;
}

/** Creates the request for a review, which is not stored yet. */
export async function createReview(
  deps: TaskDeps,
  task: Task,
  id: string,
  { agent, text = "", confidence, commit, tests }: StatusReport & { confidence: number },
): Promise<RequestRecord> {
  const reported = [toPart("Confidence", String(confidence)), toPart("Commit", commit), toPart("Tests", tests)];
  const input = [...keepDefined(reported), ...(await listTaskParts(deps, task))];
  const judged = { from: agent, text, input, answers: ["approve", "send_back", "reject"], options: [] };
  const request = { id, kind: "review", subject: toRequestSubject(task), urgency: "normal", ...judged } as const;
  return createRequest(request, await deps.store.now());
}

/** What of the task a reviewer judges. Labels are excluded, because Groundcrew changes them itself. */
export async function listTaskParts(deps: TaskDeps, { id, item: { snapshot } }: Task): Promise<RequestPart[]> {
  const { name, description, status, priority, due, assignees } = snapshot;
  const [people, files] = await Promise.all([
    Promise.all(assignees.map(async (person) => (await findPlanePerson(deps, person))?.name ?? person)),
    readDeliverables(deps, id),
  ]);
  return keepDefined([
    toPart("Title", name),
    toPart("Description", await toMarkdown(description)),
    toPart("Files", files.map((file) => file.name).join(", ")),
    toPart("Status", status),
    toPart("Priority", priority),
    toPart("Due", due ?? undefined),
    toPart("Assignees", people.join(", ")),
  ]);
}

function toPart(label: string, value: string | undefined): RequestPart | undefined {
  return value === undefined || value === "" ? undefined : { label, value };
}
