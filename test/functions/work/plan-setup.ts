import { createToolCaller } from "../../../functions/agent/tool-calls.ts";
import { TOOLS } from "../../../functions/agent/tools.ts";
import { observeHandler } from "../../../functions/poll/observe-handler.ts";
import { createWakeRules } from "../../../functions/wake/rules.ts";
import { wakeHandler } from "../../../functions/wake/wake-handler.ts";
import { createWorkRules, workHandler } from "../../../functions/work.ts";
import { projectsApi } from "../../../shared/plane/projects.ts";
import { findPlanRun, type Plan } from "../../../shared/tasks/plan-record.ts";
import { readPlanRuns } from "../../../shared/tasks/task-counts.ts";
import { addWakeTasks } from "../../../shared/tasks/wakes.ts";
import { findWish, prepareWish } from "../../../shared/tasks/wishes.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";
import { approvePlan } from "../../support/answer-request.ts";
import { startGateway } from "../../support/openclaw-gateway.ts";

/** Timeout of `settle` in simulated time: 2 h. */
const SETTLE_LIMIT_MS = 7_200_000;

/** A plan of three tasks: two can be started at once, one waits. */
export const WEBSITE: Plan = {
  project: "Website",
  tasks: [
    { id: "draw", title: "Drawing", assignee: "Imhotep", estimate: { minutes: 30, cost: 2 } },
    { id: "text", title: "Text", assignee: "Thot", blocked_by: ["draw"] },
    { id: "idea", title: "Idea", assignee: "Thot" },
  ],
};

/** Creates the product with agents that a gateway wakes, and the handlers that carry plans out. */
export async function createPlanSetup(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const gateway = await startGateway({ version: "2026.9.6" });
  const wake = { kind: "openclaw", url: gateway.url };
  const app = await createAgentTestApp({
    ...options,
    agents: { Concierge: { role: "concierge", wake }, Imhotep: { wake }, Thot: { wake } },
    parts: {
      jobHandlers: [workHandler, wakeHandler, observeHandler],
      ruleSets: (settings) => [createWakeRules(settings.agents), createWorkRules(settings.agents)],
    },
    setUpPlane: () => ({ OPENCLAW_HOOK_TOKEN: gateway.token }),
  });
  await app.runFirstPoll();
  await app.runUntilIdle();
  app.takeEvents();
  let takenCount = gateway.runs.length;
  let answeredCount = gateway.runs.length;
  const toAgentName = (id: string) => app.settings.agents.find(({ name }) => name.toLowerCase() === id)?.name ?? id;

  /** Calls a tool as an agent does; throws when it is refused. */
  async function callTool(agent: string, tool: string, input: object, notify = app.deps.notify) {
    const recorded: Promise<unknown>[] = [];
    const waitUntil = (work: Promise<unknown>) => recorded.push(work);
    const source = { caller: app.getCaller(agent), via: "mcp", correlation: app.deps.newId(), waitUntil } as const;
    const outcome = await createToolCaller({ ...app.deps, notify }, TOOLS)(source, tool, input);
    await Promise.all(recorded);
    if (!outcome.ok) throw new Error(`${outcome.refusal.code}: ${outcome.refusal.message}`);
    return outcome.output as Record<string, unknown>;
  }

  async function answerWake(agent: string) {
    const { tasks } = await app.actAs(agent).list({});
    for (const { key, startable } of tasks) if (startable !== false) await callTool(agent, "claim_task", { task: key });
  }

  return {
    app,
    gateway,
    callTool,
    /** Calls plan_project as the Concierge. */
    plan: (given: Partial<Plan> = {}) => callTool("Concierge", "plan_project", { ...WEBSITE, ...given }),
    /** Advances time by this many seconds and works all due jobs. No agent answers its wake. */
    advanceSeconds: (n: number) => app.runFor(n * 1_000),
    /** Works all jobs, also later ones, while every woken agent claims the tasks that it can start. */
    async settle() {
      for (let waited = 0; waited < SETTLE_LIMIT_MS; waited += 1_000) {
        await app.drain();
        for (let run = gateway.runs[answeredCount]; run; run = gateway.runs[answeredCount]) {
          await answerWake(toAgentName(run.agent));
          answeredCount += 1;
        }
        const { queues } = await app.store.stats();
        if (queues.work.pending + queues.wake.pending + queues.observe.pending === 0) return;
        app.advance(1_000);
      }
      throw new Error(`jobs still pending: ${JSON.stringify(await app.store.stats())}`);
    },
    /** A person asks for something in the chat. */
    async addWish(text: string, id = "1"): Promise<string> {
      const wish = { id: `asked-for:${id}`, text, by: "Ada", at: await app.deps.store.now(), agent: "Concierge" };
      const task = { id: wish.id, key: "new", reason: "asked_for", text } as const;
      await addWakeTasks(app.deps, "Concierge", [task], prepareWish(wish));
      return wish.id;
    },
    readWish: (id: string) => findWish(app.deps, id),
    /** Reads the plans as `title: state done/total`. */
    async listPlans(): Promise<string[]> {
      return (await readPlanRuns(app.deps)).map(
        ({ title, state, done, total }) => `${title}: ${state} ${done}/${total}`,
      );
    },
    /** The run of the only plan. */
    async readOnlyRun() {
      const [run, ...others] = await readPlanRuns(app.deps);
      if (!run || others.length > 0) throw new Error(`There are ${run ? others.length + 1 : 0} plans.`);
      return run;
    },
    /** Wakes that the gateway received since the last call, sorted, as `agent: subject reason`. */
    takeWakes(): string[] {
      const newRuns = gateway.runs.slice(takenCount);
      takenCount = gateway.runs.length;
      return newRuns
        .flatMap(({ agent, message }) => {
          const instructions = [...message.matchAll(/^- ([^:]+): (.+?)[:;.]/gm)];
          return instructions.map(([, subject, text]) => `${toAgentName(agent)}: ${subject} ${text}`);
        })
        .sort();
    },
    /** What Plane holds of the plan: project, then for each task its title, assignees and blockers. */
    async readPlane(): Promise<string[]> {
      const { data } = await app.deps.plane.call(projectsApi.list);
      const projects = data.results.filter(({ name }) => name === "Website");
      return projects.flatMap((project) => [
        `project ${project.identifier}`,
        ...app.plane.items(project.id).map((item) => {
          const blockers = app.plane.blockers(item).map((id) => app.plane.item(id)?.name ?? "?");
          const { assignees, name } = app.readPlaneItem(item);
          const cards = app.readComments(item).filter((comment) => comment.includes("Agent card")).length;
          return `${name} | ${assignees.join()} | ${blockers.join()} | ${cards}`;
        }),
      ]);
    },
  };
}

/** The same with the wish of a person, whose plan needs no approval by the settings. */
export async function createWishedSetup(options: Parameters<typeof createPlanSetup>[0] = {}) {
  const setup = await createPlanSetup({ ...options, config: { ...options.config, plan: { approve: false } } });
  await setup.app.addWish();
  return setup;
}

export type PlanSetup = Awaited<ReturnType<typeof createPlanSetup>>;

/** Reads the only plan's run, as a message about it does. */
export async function readRun({ app, readOnlyRun }: PlanSetup) {
  const run = await findPlanRun(app.deps, (await readOnlyRun()).id);
  if (!run) throw new Error("The run is not stored.");
  return run;
}

/** Approves the only plan as it is shown now. */
export async function approveOnly(setup: PlanSetup) {
  return approvePlan(setup.app.deps, await readRun(setup));
}
