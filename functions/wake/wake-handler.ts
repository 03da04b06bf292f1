import type { Deps, JobHandler } from "../../shared/app/deps.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { upgradeWakeBody, type WakeBody, wakeBodySchema } from "../../shared/jobs/wake-jobs.ts";
import { findPersonIdByEmail } from "../../shared/observe/name-cache.ts";
import type { LeasedJob, Settlement } from "../../shared/store/port.ts";
import { DAY, MINUTE } from "../../shared/time.ts";
import { addWakeTasks } from "../../shared/wake/pending-wake.ts";
import { wakeKeys } from "../../shared/wake/wake-record.ts";
import { checkWakeResponse } from "./check-wake-response.ts";
import { deliverWake } from "./deliver-wake.ts";
import { toWakeTask } from "./event-task.ts";

const DONE: Settlement = { done: true };

/** A notice is part of a wake for so long after which the engine no longer knows its job anyway. */
const TAKEN_RETENTION_MS = 7 * DAY;

/** Wakes agents: gathers what they are to look at, posts it, and looks whether they did. */
export const wakeHandler: JobHandler = {
  queue: "wake",
  // Longer than a receiver may take (20 s) with the commits around it.
  leaseMs: MINUTE,
  concurrency: 4,
  async handle(deps, job) {
    const parsed = wakeBodySchema.safeParse(upgradeWakeBody(job));
    if (!parsed.success) return { dead: "the job's body is not one that this version knows" };
    const body = parsed.data;
    switch (body.type) {
      case "event":
        return gatherFromEvent(deps, job, body);
      case "deliver":
        return runForAgent(deps, body.go, (agent) => deliverWake(deps, job, agent));
      case "check":
        return runForAgent(deps, body.watch, (agent) => checkWakeResponse(deps, agent, body.sent));
    }
  },
};

async function gatherFromEvent(
  deps: Deps,
  job: LeasedJob,
  { agent: name, itemRev, event, facts }: Extract<WakeBody, { type: "event" }>,
): Promise<Settlement> {
  return runForAgent(deps, name, async (agent) => {
    // Of several assignees only the new one is woken.
    if (event.kind === "assigned") {
      const id = await findPersonIdByEmail(deps, agent.email);
      if (id !== undefined && id !== event.who) return DONE;
    }
    const task = toWakeTask(event, facts);
    if (!task) return { dead: `nobody is woken by ${event.kind}` };
    const takenKey = wakeKeys.taken(job.id);
    await addWakeTasks(deps, name, [task], {
      since: itemRev,
      expect: [[takenKey, 0]],
      put: [{ key: takenKey, value: true, expires: TAKEN_RETENTION_MS }],
    });
    return DONE;
  });
}

async function runForAgent(
  deps: Pick<Deps, "settings">,
  name: string,
  run: (agent: AgentSettings) => Promise<Settlement>,
): Promise<Settlement> {
  const agent = deps.settings.agents.find((one) => one.name === name);
  return agent ? run(agent) : { dead: `${name} is no agent in the settings any more` };
}
