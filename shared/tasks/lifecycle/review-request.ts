/**
 * The request for a person's review of a finished task (OPENCLAW-12): what is judged is the agent's report and the task
 * as it is now.
 */

import type { TaskDeps } from "../../app/deps.ts";
import { sha256Hex } from "../../hashing.ts";
import { toMarkdown } from "../../markdown/to-markdown.ts";
import { keepDefined, omitUndefined } from "../../omit-undefined.ts";
import type { Task } from "../../records/plane-records.ts";
import { workKeys } from "../../records/store-keys.ts";
import { readDeliverables, type StatusChangeRecord } from "../../records/task-records.ts";
import { createRequest, publishRequest, replaceInput } from "../../requests/requests.ts";
import type { StoredValue } from "../../store/port.ts";
import type { ValueUpdate } from "../../store/records.ts";
import { findPlanePerson } from "../../sync/names.ts";
import { findPart, type RequestPart, type RequestRecord } from "../../task/request.ts";
import { findStoredTask } from "../find-task.ts";
import { prepareWorkEvent } from "../work-events.ts";

/** What an agent reports with the result that is reviewed. */
interface ReviewedReport {
  agent: string;
  text: string;
  confidence: number;
  commit?: string;
  tests?: string;
}

/** The parts that the agent's report gives; the others are of the task and may change. */
const REPORTED_PARTS: readonly string[] = ["Confidence", "Commit", "Tests"];

/**
 * Requests a review, once for each attempt, and returns its id. A request that exists is not made again, also when it was decided, which a
 * change that is resumed late may find.
 */
export async function requestReview(
  deps: TaskDeps,
  task: Task,
  { id, input }: StatusChangeRecord,
  correlation: string,
): Promise<string> {
  const { agent, review: confidence = 0, text = "", commit, tests } = input;
  const report = { agent, confidence, text, ...omitUndefined({ commit, tests }) };
  const request = await createReview(deps, task, await toReviewId(task.id, id), report);
  await publishRequest(deps, request, correlation);
  return request.id;
}

/** The id of the review of an attempt to finish a task. */
export async function toReviewId(item: string, attempt: string): Promise<string> {
  return (await sha256Hex(JSON.stringify(["review", item, attempt]))).slice(0, 32);
}

/** Creates the request for a review, which is not stored yet. */
export async function createReview(
  deps: TaskDeps,
  task: Task,
  id: string,
  { agent, text, confidence, commit, tests }: ReviewedReport,
): Promise<RequestRecord> {
  const subject = { title: task.item.snapshot.name, item: task.id, key: task.key, url: task.url };
  const reported = [toPart("Confidence", String(confidence)), toPart("Commit", commit), toPart("Tests", tests)];
  const input = [...keepDefined(reported), ...(await listTaskParts(deps, task))];
  const answers = ["approve", "send_back", "reject"];
  const request = { id, kind: "review", subject, from: agent, urgency: "normal", text, input, answers } as const;
  return createRequest({ ...request, options: [] }, await deps.store.now());
}

/** The same request with the task as it is stored now. */
export async function updateReview(deps: TaskDeps, request: RequestRecord): Promise<RequestRecord> {
  const task = request.subject.item === undefined ? undefined : await findStoredTask(deps, request.subject.item);
  if (!task) return request;
  const reported = request.input.filter(({ label }) => REPORTED_PARTS.includes(label));
  const input = [...reported, ...(await listTaskParts(deps, task))];
  const subject = { ...request.subject, title: task.item.snapshot.name };
  return replaceInput({ ...request, subject }, input);
}

/** What of the task a reviewer judges. Labels are excluded, because Groundcrew changes them itself. */
async function listTaskParts(deps: TaskDeps, { id, item: { snapshot } }: Task): Promise<RequestPart[]> {
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

/** Publishes a request for a review. */
export async function announceReview(
  deps: TaskDeps,
  { value: request, rev }: StoredValue<RequestRecord>,
  correlation: string,
): Promise<ValueUpdate> {
  const { id, from: agent, text, subject } = request;
  const task = subject.item === undefined ? undefined : await findStoredTask(deps, subject.item);
  const confidence = Number(findPart(request, "Confidence") ?? 0);
  const event = { kind: "review", request: id, agent, confidence, text } as const;
  return prepareWorkEvent(deps, task, event, correlation, { record: workKeys.request(id), rev });
}
