import type { Deps, JobHandler } from "../../shared/app/deps.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { parseJobBody } from "../../shared/jobs/parse-job-body.ts";
import { upgradeWakeBody, type WakeBody, wakeBodySchema } from "../../shared/jobs/wake-jobs.ts";
import { findPersonIdByEmail } from "../../shared/observe/name-cache.ts";
import { observedKeys } from "../../shared/observe/store-keys.ts";
import type { LeasedJob, Settlement } from "../../shared/store/job-operations.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";
import { DAY, MINUTE } from "../../shared/time.ts";
import { filterActionableTasks } from "../../shared/wake/actionable.ts";
import { addWakeTasks } from "../../shared/wake/pending-wake.ts";
import { toStartableTasks } from "../../shared/wake/startable-tasks.ts";
import { wakeKeys } from "../../shared/wake/wake-record.ts";
import { readWake } from "../../shared/wake/wake-store.ts";
import { deliverWake } from "./deliver-wake.ts";
import { toWakeTask } from "./event-task.ts";
import { reviewWakes } from "./review-wakes.ts";
import { readWishTasks } from "./wish-tasks.ts";

const DONE: Settlement = { done: true };

/** Retention of the mark that an event's job was added to a wake: 7 days, for which the queue remembers finished jobs. */
const ADDED_JOB_RETENTION_MS = 7 * DAY;

/** Wakes agents: collects the tasks of a wake, posts it, and reviews what the agent does about it. */
export const wakeHandler: JobHandler = {
  queue: "wake",
  // The lease must exceed the response timeout of a receiver (20 s) and the commits around the call.
  leaseMs: MINUTE,
  concurrency: 4,
  async handle(deps, job) {
    const body = parseJobBody(job, wakeBodySchema, upgradeWakeBody);
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
): Promise<Settlement> {
  return runForAgent(deps, name, async (agent) => {
    // Only the new assignee is woken, not the earlier ones.
    if (event.kind === "assigned") {
      const id = await findPersonIdByEmail(deps, agent.email);
      if (id !== undefined && id !== event.who) return DONE;
    }
    const task = toWakeTask(event, facts);
    if (!task) return { dead: `no agent is woken by ${event.kind}` };
    // A task that cannot be started yet must not count as told: it wakes the agent once it can.
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

/** Adds an item that became startable without an event, unless the agent was woken for it already. */
async function addStartableTask(deps: Deps, { name, wake: { kind } }: AgentSettings, id: string): Promise<Settlement> {
  if (kind === "none") return DONE;
  const [[row], { wake }] = await Promise.all([
    deps.store.read<KeptItem>([observedKeys.item(id)]),
    readWake(deps, name),
  ]);
  if (!row || wake.told[id] !== undefined) return DONE;
  const [found] = await toStartableTasks(deps, [row]);
  if (!found || (await filterActionableTasks(deps, name, [found])).length === 0) return DONE;
  const { rev, ...task } = found;
  await addWakeTasks(deps, name, [task], { found: { [id]: rev } });
  return DONE;
}

async function runForAgent(
  deps: Pick<Deps, "settings">,
  name: string,
  run: (agent: AgentSettings) => Promise<Settlement>,
  ifRemoved: Settlement = { dead: `${name} is no longer an agent in the settings` },
): Promise<Settlement> {
  const found = deps.settings.agents.find((agent) => agent.name === name);
  return found ? run(found) : ifRemoved;
}
