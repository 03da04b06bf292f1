import { z } from "zod";
import type { Agent } from "../../shared/config/file.ts";
import type { Deps, Worker } from "../../shared/deps.ts";
import { personByEmail } from "../../shared/observe/names.ts";
import type { Leased, Rev, Settlement } from "../../shared/store/port.ts";
import { type Body, EVENT_KINDS } from "../../shared/task/events.ts";
import { gatherWake } from "../../shared/wake/gather.ts";
import { wakeKeys } from "../../shared/wake/kept.ts";
import { go } from "./go.ts";
import { taskOf } from "./notice.ts";
import { watch } from "./watch.ts";

const shape = z.object({ event: z.object({ kind: z.enum(EVENT_KINDS) }), facts: z.object({ project: z.object({}) }) });
const notice = z.custom<Body>((body) => shape.safeParse(body).success);

/** What a job of the queue may hold: something to be woken for, the wake itself, or a look at what came of it. */
const wakeBody = z.union([z.object({ go: z.string() }), z.object({ watch: z.string(), sent: z.string() }), notice]);

const DONE: Settlement = { done: true };

/** A notice is part of a wake for so long after which the engine no longer knows its job anyway. */
const TAKEN_MS = 7 * 86_400_000;

/** Wakes agents: gathers what they are to look at, posts it, and looks whether they did. */
export const wake: Worker = {
  queue: "wake",
  // Longer than a receiver may take (20 s) with the commits around it.
  ttl: 60_000,
  parallel: 4,
  async work(deps, job) {
    const body = wakeBody.safeParse(job.body);
    if (!body.success) return { dead: "the job's body is not one that this version knows" };
    if ("go" in body.data) return withAgent(deps, body.data.go, (agent) => go(deps, job, agent));
    if ("watch" in body.data) {
      const { watch: name, sent } = body.data;
      return withAgent(deps, name, (agent) => watch(deps, agent, sent));
    }
    return gather(deps, job, body.data);
  },
};

async function gather(deps: Deps, job: Leased, { event, facts }: Body): Promise<Settlement> {
  const name = job.lane.slice("wake:".length);
  return withAgent(deps, name, async (agent) => {
    // Of several assignees only the new one is woken.
    if (event.kind === "assigned") {
      const id = await personByEmail(deps, agent.email);
      if (id !== undefined && id !== event.who) return DONE;
    }
    const task = taskOf(event, facts);
    if (!task) return { dead: `nobody is woken by ${event.kind}` };
    const taken = wakeKeys.taken(job.id);
    await gatherWake(deps, name, [task], {
      since: revisionOf(job),
      expect: [[taken, 0]],
      put: [{ key: taken, value: true, expires: TAKEN_MS }],
    });
    return DONE;
  });
}

/** The revision of the item from which its event led on, as it stands in the names of jobs that an event asks for. */
function revisionOf({ id }: Leased): Rev | undefined {
  const rev = /^item:[^:]+:(\d+):/.exec(id)?.[1];
  return rev === undefined ? undefined : Number(rev);
}

async function withAgent(
  deps: Pick<Deps, "settings">,
  name: string,
  run: (agent: Agent) => Promise<Settlement>,
): Promise<Settlement> {
  const agent = deps.settings.agents.find((one) => one.name === name);
  return agent ? run(agent) : { dead: `${name} is no agent in the settings any more` };
}
