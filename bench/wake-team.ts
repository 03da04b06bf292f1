import { z } from "zod";
import { MINUTE, type Ms, SECOND } from "../shared/time.ts";
import type { SimulatedProduct } from "./simulated-product.ts";

/** How an agent works: one task per run, or one after the other until none is left. */
export interface SimulatedAgent {
  name: string;
  token: string;
  doesAllTasks: boolean;
  /** Times in which its runs fail before the first call, as when its model cannot be reached. */
  sleeps: { from: Ms; to: Ms }[];
  /** Keys of the tasks that its runs are working on. */
  active: Set<string>;
  /** Number of its runs under way. */
  runs: number;
}

const listSchema = z.object({ tasks: z.array(z.object({ key: z.string(), status: z.string() })) });

/** Time between two calls while a model thinks: 2 to 12 s. */
const THINKING: [Ms, Ms] = [2 * SECOND, 12 * SECOND];
/** Time of the work on a task: 2 to 15 min. */
const WORKING: [Ms, Ms] = [2 * MINUTE, 15 * MINUTE];
/** A long task is reported about every 8 min, which renews its claim. */
const REPORT_INTERVAL: Ms = 8 * MINUTE;
const MAX_TRIES = 5;

export function isAsleep({ sleeps }: SimulatedAgent, now: Ms): boolean {
  return sleeps.some(({ from, to }) => from <= now && now < to);
}

/** Creates the runs of simulated agents, which call the product's tools over its routes. */
export function createWakeTeam({ time, callTool }: SimulatedProduct, random: () => number) {
  const waitBetween = ([min, max]: [Ms, Ms]) => time.wait(Math.round(min + random() * (max - min)));
  const claimedAt = new Map<string, Ms>();
  const doneTasks = new Set<string>();

  async function call({ token }: SimulatedAgent, tool: string, input: object): Promise<unknown> {
    for (let tries = 1; ; tries += 1) {
      const { status, json } = await callTool(token, tool, input);
      if (status === 200) return json;
      // Plane's quota is used up for the moment.
      if ((status === 429 || status === 503) && tries < MAX_TRIES) await time.wait(10 * SECOND);
      else return undefined;
    }
  }

  async function workOn(agent: SimulatedAgent, key: string): Promise<boolean> {
    agent.active.add(key);
    try {
      if ((await call(agent, "update_task_status", { task: key, status: "in_progress" })) === undefined) return false;
      claimedAt.set(key, time.clock());
      const end = time.clock() + WORKING[0] + random() * (WORKING[1] - WORKING[0]);
      while (time.clock() < end) {
        await time.wait(Math.min(REPORT_INTERVAL, end - time.clock()));
        if (time.clock() < end) await call(agent, "report", { task: key, percent: 50 });
      }
      const closing = { task: key, status: "done", text: "It is done.", confidence: 0.9 };
      const isDone = (await call(agent, "update_task_status", closing)) !== undefined;
      if (isDone) doneTasks.add(key);
      return isDone;
    } finally {
      agent.active.delete(key);
    }
  }

  async function runModel(agent: SimulatedAgent): Promise<void> {
    await waitBetween(THINKING);
    do {
      const answer = listSchema.safeParse(await call(agent, "list_my_tasks", {}));
      await waitBetween(THINKING);
      const next = answer.data?.tasks.find(({ key, status }) => status === "todo" && !agent.active.has(key));
      if (!next || !(await workOn(agent, next.key))) return;
      await waitBetween(THINKING);
    } while (agent.doesAllTasks && !isAsleep(agent, time.clock()));
  }

  return {
    /** Keys of finished tasks. */
    doneTasks,
    /** When each task was started. */
    claimedAt,
    /** One run of the agent's model. */
    async run(agent: SimulatedAgent): Promise<void> {
      if (isAsleep(agent, time.clock())) return;
      agent.runs += 1;
      await runModel(agent).finally(() => {
        agent.runs -= 1;
      });
    },
  };
}
