/**
 * The handler of the queue `wake`: it collects the tasks of a wake, posts it, and reviews what the agent does about
 * it.
 */

import type { Deps, JobHandler, TaskDeps } from "../../shared/app/deps.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { parseJobBody } from "../../shared/jobs/job-body.ts";
import { type WakeBody, wakeBodySchema } from "../../shared/jobs/wake-jobs.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { observedKeys } from "../../shared/records/store-keys.ts";
import type { JobResult, LeasedJob } from "../../shared/store/port.ts";
import { findPersonIdByEmail } from "../../shared/sync/names.ts";
import type { AnyEvent, ClaimLossReason } from "../../shared/task/events.ts";
import type { EventFacts } from "../../shared/task/rule-set.ts";
import type { ItemRecord } from "../../shared/task/snapshot.ts";
import { filterActionableTasks, toStartableTasks } from "../../shared/tasks/startable-tasks.ts";
import { addWakeTasks, readWake, type WakeTask, wakeKeys } from "../../shared/tasks/wakes.ts";
import { readOpenWishes } from "../../shared/tasks/wishes.ts";
import { DAY, MINUTE } from "../../shared/time.ts";
import { deliverWake } from "./deliver-wake.ts";
import { reviewWakes } from "./review-wakes.ts";
import { toWakeReason } from "./rules.ts";

const DONE: JobResult = { done: true };

/** Retention of the mark that an event's job was added to a wake: 7 days, for which the queue remembers finished jobs. */
const ADDED_JOB_RETENTION_MS = 7 * DAY;

/** Why the work on a task ended; a stop names the person instead. */
const LOSS_TEXTS: Partial<Record<ClaimLossReason, string>> = {
  reassigned: "the task was reassigned",
  moved: "the status of the task was changed, or it was removed",
};

/** Wakes agents: collects the tasks of a wake, posts it, and reviews what the agent does about it. */
export const wakeHandler: JobHandler = {
  queue: "wake",
  // The lease must exceed the response timeout of a receiver (20 s) and the commits around the call.
  leaseMs: MINUTE,
  concurrency: 4,
  async handle(deps, job) {
    const body = parseJobBody(job, wakeBodySchema);
    switch (body.type) {
      case "event":
        return addEventToWake(deps, job, body);
      case "startable":
        return runForAgent(deps, body.agent, (agent) => addStartableTask(deps, agent, body.item), DONE);
      case "deliver":
        return runForAgent(deps, body.go, (agent) => deliverWake(deps, job, agent));
      case "check":
        return runForAgent(deps, body.watch, (agent) => reviewWakes(deps, agent));
      case "claim_ended":
        return runForAgent(deps, body.agent, (agent) => reviewWakes(deps, agent, body), DONE);
    }
  },
};

async function addEventToWake(
  deps: Deps,
  job: LeasedJob,
  { agent: name, itemRev, event, facts }: Extract<WakeBody, { type: "event" }>,
): Promise<JobResult> {
  return runForAgent(deps, name, async (agent) => {
    // Only the new assignee is woken, not the earlier ones.
    if (event.kind === "assigned") {
      const id = await findPersonIdByEmail(deps, agent.email);
      if (id !== undefined && id !== event.who) return DONE;
    }
    const task = toWakeTask(event, facts);
    if (!task) return { dead: `no agent is woken by ${event.kind}` };
    // A task that cannot be started yet must not count as woken for: it wakes the agent once it can.
    const tasks = await filterActionableTasks(deps, name, [task, ...(await readWishTasks(deps, name, event, task))]);
    if (tasks.length === 0) return DONE;
    const addedJobKey = wakeKeys.addedJob(job.id);
    await addWakeTasks(deps, name, tasks, {
      since: itemRev,
      expect: [[addedJobKey, 0]],
      put: [{ key: addedJobKey, value: true, expires: ADDED_JOB_RETENTION_MS }],
    });
    return DONE;
  });
}

async function runForAgent(
  deps: Pick<Deps, "settings">,
  name: string,
  run: (agent: AgentSettings) => Promise<JobResult>,
  ifRemoved: JobResult = { dead: `${name} is no longer an agent in the settings` },
): Promise<JobResult> {
  const found = deps.settings.agents.find((agent) => agent.name === name);
  return found ? run(found) : ifRemoved;
}

/** The task that an event adds to an agent's wake; undefined when the event wakes no agent. */
function toWakeTask(event: AnyEvent, { item, project }: EventFacts): WakeTask | undefined {
  const reason = toWakeReason(event);
  if (!reason) return undefined;
  const subject = item ? { id: item.id, key: item.key, title: item.title } : getEventSubject(event, project);
  const text = getEventText(event);
  return { ...subject, reason, ...omitUndefined({ text }) };
}

function getEventSubject(event: AnyEvent, project: EventFacts["project"]): Omit<WakeTask, "reason" | "text"> {
  if (event.kind === "answered") return { id: event.question, key: "message", question: event.question };
  if ("plan" in event) return { id: event.plan, key: project?.identifier ?? "new", title: event.title };
  return { id: project?.id ?? "", key: project?.identifier ?? "", title: project?.name ?? "" };
}

function getEventText(event: AnyEvent): string | undefined {
  switch (event.kind) {
    case "answered":
      return `${event.by}: ${event.text}`;
    case "addressed":
      return event.text;
    case "claim_lost":
      return LOSS_TEXTS[event.why] ?? (event.by === undefined ? undefined : `stopped by ${event.by}`);
    case "sent_back":
      return event.reason ?? undefined;
    case "stuck":
      return `${event.blocker} is ${event.why}`;
    case "plan_rejected":
      return event.reason === null ? event.by : `${event.by}: ${event.reason}`;
    case "plan_failed":
      return event.text;
    case "circle":
      return event.path.join(" → ");
    default:
      return undefined;
  }
}

/**
 * Reads the open wishes of an agent that an event lets it continue with: the answer to a question about no task, or a
 * plan that was not carried out. They are part of the same wake, because the agent may have no memory of them.
 */
async function readWishTasks(
  deps: Pick<TaskDeps, "store">,
  agent: string,
  event: AnyEvent,
  task: WakeTask,
): Promise<WakeTask[]> {
  const isAboutWish = task.question !== undefined || event.kind === "plan_rejected" || event.kind === "plan_failed";
  if (!isAboutWish) return [];
  const wishes = await readOpenWishes(deps, agent);
  return wishes.map(({ id, text }) => ({ id, key: "new", reason: "asked_for", text }));
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
