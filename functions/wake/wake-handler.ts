/**
 * The handler of the queue `wake`: it collects the tasks of a wake, posts it, and reviews what the agent does about
 * it.
 */

import type { Deps, JobHandler, TaskDeps } from "../../shared/app/deps.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { parseJobBody, type WakeBody, wakeBodySchema } from "../../shared/jobs/internal-jobs.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { observedKeys } from "../../shared/records/store-keys.ts";
import type { JobResult, LeasedJob } from "../../shared/store/port.ts";
import { findPersonIdByEmail } from "../../shared/sync/names.ts";
import type { AnyEvent } from "../../shared/task/events.ts";
import type { EventFacts } from "../../shared/task/rule-set.ts";
import type { ItemRecord } from "../../shared/task/snapshot.ts";
import { filterActionableTasks, toStartableTasks } from "../../shared/tasks/startable-tasks.ts";
import { addWakeTasks, readWake, type WakeTask, wakeKeys } from "../../shared/tasks/wakes.ts";
import { readOpenWishes, toWakeTask } from "../../shared/tasks/wishes.ts";
import { DAY, MINUTE } from "../../shared/time.ts";
import { deliverWake } from "./deliver-wake.ts";
import { reviewWakes } from "./review-wakes.ts";
import { toEventWake } from "./rules.ts";

const DONE: JobResult = { done: true };

/** Retention of the mark that an event's job was added to a wake: 7 days, for which the queue remembers finished jobs. */
const ADDED_JOB_RETENTION_MS = 7 * DAY;

/** Wakes agents: collects the tasks of a wake, posts it, and reviews what the agent does about it. */
export const wakeHandler: JobHandler = {
  queue: "wake",
  // The lease must exceed the response timeout of a receiver (20 s) and the commits around the call.
  leaseMs: MINUTE,
  concurrency: 4,
  async handle(deps, job) {
    const body = parseJobBody(job, wakeBodySchema);
    const agent = deps.settings.agents.find(({ name }) => name === body.agent);
    if (!agent && (body.type === "startable" || body.type === "claim_ended")) return DONE;
    if (!agent) return { dead: `${body.agent} is no longer an agent in the settings` };
    switch (body.type) {
      case "event":
        return addEventToWake(deps, job, agent, body);
      case "startable":
        return addStartableTask(deps, agent, body.item);
      case "deliver":
        return deliverWake(deps, job, agent);
      case "check":
        return reviewWakes(deps, agent);
      case "claim_ended":
        return reviewWakes(deps, agent, body);
    }
  },
};

async function addEventToWake(
  deps: Deps,
  job: LeasedJob,
  { name, email }: AgentSettings,
  { itemRev, event, facts }: Extract<WakeBody, { type: "event" }>,
): Promise<JobResult> {
  // Only the new assignee is woken, not the earlier ones.
  if (event.kind === "assigned") {
    const id = await findPersonIdByEmail(deps, email);
    if (id !== undefined && id !== event.who) return DONE;
  }
  const { reason, text } = toEventWake(event) ?? {};
  if (!reason) return { dead: `no agent is woken by ${event.kind}` };
  const task: WakeTask = { ...getSubject(event, facts), reason, ...omitUndefined({ text: text ?? undefined }) };
  // A task that cannot be started yet must not count as woken for: it wakes the agent once it can.
  const tasks = await filterActionableTasks(deps, name, [task, ...(await readWishTasks(deps, name, task))]);
  if (tasks.length === 0) return DONE;
  const addedJobKey = wakeKeys.addedJob(job.id);
  await addWakeTasks(deps, name, tasks, {
    since: itemRev,
    expect: [[addedJobKey, 0]],
    put: [{ key: addedJobKey, value: true, expires: ADDED_JOB_RETENTION_MS }],
  });
  return DONE;
}

/** The item, question, plan or project that an event is about. */
function getSubject(event: AnyEvent, { item, project }: EventFacts): Omit<WakeTask, "reason" | "text"> {
  if (item) return { id: item.id, key: item.key, title: item.title };
  if (event.kind === "answered") return { id: event.question, key: "message", question: event.question };
  if ("plan" in event) return { id: event.plan, key: project?.identifier ?? "new", title: event.title };
  return { id: project?.id ?? "", key: project?.identifier ?? "", title: project?.name ?? "" };
}

/**
 * Reads the open wishes of an agent that a task lets it continue with: the answer to a question about no task, or a
 * plan that was not carried out. They are part of the same wake, because the agent may have no memory of them.
 */
async function readWishTasks(deps: Pick<TaskDeps, "store">, agent: string, { question, reason }: WakeTask) {
  if (question === undefined && reason !== "plan_rejected" && reason !== "plan_failed") return [];
  return (await readOpenWishes(deps, agent)).map(toWakeTask);
}

/** Adds an item that became startable without an event, unless the agent was woken for it already. */
async function addStartableTask(deps: Deps, { name, wake: { kind } }: AgentSettings, id: string): Promise<JobResult> {
  if (kind === "none") return DONE;
  const [[row], { wake }] = await Promise.all([
    deps.store.read<ItemRecord>([observedKeys.item(id)]),
    readWake(deps, name),
  ]);
  if (!row || wake.wokenTasks[id] !== undefined) return DONE;
  const [found] = await toStartableTasks(deps, [row]);
  if (!found || (await filterActionableTasks(deps, name, [found])).length === 0) return DONE;
  const { rev, ...task } = found;
  await addWakeTasks(deps, name, [task], { found: { [id]: rev } });
  return DONE;
}
