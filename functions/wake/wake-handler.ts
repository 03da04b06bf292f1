import { z } from "zod";
import type { Deps, JobHandler } from "../../shared/app/deps.ts";
import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { findPersonIdByEmail } from "../../shared/observe/name-cache.ts";
import type { LeasedJob, Revision, Settlement } from "../../shared/store/port.ts";
import { type ActionBody, EVENT_KINDS } from "../../shared/task/events.ts";
import { DAY, MINUTE } from "../../shared/time.ts";
import { addWakeTasks } from "../../shared/wake/pending-wake.ts";
import { wakeKeys } from "../../shared/wake/wake-record.ts";
import { checkWakeResponse } from "./check-wake-response.ts";
import { deliverWake } from "./deliver-wake.ts";
import { toWakeTask } from "./event-task.ts";

const eventShapeSchema = z.object({
  event: z.object({ kind: z.enum(EVENT_KINDS) }),
  facts: z.object({ project: z.object({}) }),
});
const wakeEventSchema = z.custom<ActionBody>((body) => eventShapeSchema.safeParse(body).success);

/** What a job of the queue may hold: something to be woken for, the wake itself, or a look at what came of it. */
const wakeBodySchema = z.union([
  z.object({ go: z.string() }),
  z.object({ watch: z.string(), sent: z.string() }),
  wakeEventSchema,
]);

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
    const body = wakeBodySchema.safeParse(job.body);
    if (!body.success) return { dead: "the job's body is not one that this version knows" };
    if ("go" in body.data) return runForAgent(deps, body.data.go, (agent) => deliverWake(deps, job, agent));
    if ("watch" in body.data) {
      const { watch: name, sent } = body.data;
      return runForAgent(deps, name, (agent) => checkWakeResponse(deps, agent, sent));
    }
    return gatherFromEvent(deps, job, body.data);
  },
};

async function gatherFromEvent(deps: Deps, job: LeasedJob, { event, facts }: ActionBody): Promise<Settlement> {
  const name = job.lane.slice("wake:".length);
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
      since: parseItemRevision(job),
      expect: [[takenKey, 0]],
      put: [{ key: takenKey, value: true, expires: TAKEN_RETENTION_MS }],
    });
    return DONE;
  });
}

/** The revision of the item from which its event led on, as it stands in the names of jobs that an event asks for. */
function parseItemRevision({ id }: LeasedJob): Revision | undefined {
  const rev = /^item:[^:]+:(\d+):/.exec(id)?.[1];
  return rev === undefined ? undefined : Number(rev);
}

async function runForAgent(
  deps: Pick<Deps, "settings">,
  name: string,
  run: (agent: AgentSettings) => Promise<Settlement>,
): Promise<Settlement> {
  const agent = deps.settings.agents.find((one) => one.name === name);
  return agent ? run(agent) : { dead: `${name} is no agent in the settings any more` };
}
