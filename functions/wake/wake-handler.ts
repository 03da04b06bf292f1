import type { Deps, JobHandler } from "../../shared/app/deps.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { upgradeWakeBody, type WakeBody, wakeBodySchema } from "../../shared/jobs/wake-jobs.ts";
import { findPersonIdByEmail } from "../../shared/observe/name-cache.ts";
import { observedKeys } from "../../shared/observe/store-keys.ts";
import type { LeasedJob, Settlement } from "../../shared/store/port.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";
import { DAY, MINUTE } from "../../shared/time.ts";
import { addWakeTasks } from "../../shared/wake/pending-wake.ts";
import { wakeKeys } from "../../shared/wake/wake-record.ts";
import { readHiddenTasks } from "../../shared/work/plan-runs/hidden-tasks.ts";
import { checkWakeResponse } from "./check-wake-response.ts";
import { deliverWake } from "./deliver-wake.ts";
import { toWakeTask } from "./event-task.ts";

const DONE: Settlement = { done: true };

/** Retention of the mark that an event's job was added to a wake: 7 days, for which the queue remembers finished jobs. */
const ADDED_JOB_RETENTION_MS = 7 * DAY;

/** Wakes agents: collects the tasks of a wake, posts it, and checks whether the agent called. */
export const wakeHandler: JobHandler = {
  queue: "wake",
  // The lease must exceed the response timeout of a receiver (20 s) and the commits around the call.
  leaseMs: MINUTE,
  concurrency: 4,
  async handle(deps, job) {
    const parsed = wakeBodySchema.safeParse(upgradeWakeBody(job));
    if (!parsed.success) return { dead: "this version does not support the job's body" };
    const body = parsed.data;
    switch (body.type) {
      case "event":
        return addEventToWake(deps, job, body);
      case "deliver":
        return runForAgent(deps, body.go, (agent) => deliverWake(deps, job, agent));
      case "check":
        return runForAgent(deps, body.watch, (agent) => checkWakeResponse(deps, agent, body.sent));
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
    // When its plan is complete, the agent is woken for the tasks that it can start then.
    if (await isTaskHidden(deps, task.id)) return DONE;
    const addedJobKey = wakeKeys.addedJob(job.id);
    await addWakeTasks(deps, name, [task], {
      since: itemRev,
      expect: [[addedJobKey, 0]],
      put: [{ key: addedJobKey, value: true, expires: ADDED_JOB_RETENTION_MS }],
    });
    return DONE;
  });
}

async function isTaskHidden(deps: Pick<Deps, "store">, id: string): Promise<boolean> {
  const [item] = await deps.store.read<KeptItem>([observedKeys.item(id)]);
  return item !== undefined && (await readHiddenTasks(deps))(item.value);
}

async function runForAgent(
  deps: Pick<Deps, "settings">,
  name: string,
  run: (agent: AgentSettings) => Promise<Settlement>,
): Promise<Settlement> {
  const found = deps.settings.agents.find((agent) => agent.name === name);
  return found ? run(found) : { dead: `${name} is no longer an agent in the settings` };
}
