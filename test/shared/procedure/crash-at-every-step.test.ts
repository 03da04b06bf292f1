import { randomUUID } from "node:crypto";
import { afterAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { createTaskOperations } from "../../../functions/agent/tool.ts";
import { PROCEDURES, workHandler } from "../../../functions/work.ts";
import { connectRedisStore } from "../../../runtime/stores/redis/redis-store.ts";
import { createMemoryStore, createSqliteStore } from "../../../runtime/stores/sqlite-store.ts";
import type { TaskDeps } from "../../../shared/app/deps.ts";
import { createPump } from "../../../shared/app/pump.ts";
import { AGENT_PACE_MS } from "../../../shared/plane/quota.ts";
import { findClaim } from "../../../shared/records/claim-record.ts";
import { workSets } from "../../../shared/records/store-keys.ts";
import { findStatusAttempt } from "../../../shared/records/task-records.ts";
import { decideRequest, readTaskRequests } from "../../../shared/requests/requests.ts";
import type { Store } from "../../../shared/store/port.ts";
import type { StatusChange } from "../../../shared/tasks/lifecycle/status-change.ts";
import { readPlanRuns } from "../../../shared/tasks/task-counts.ts";
import type { Item } from "../../../simulators/plane/types.ts";
import { IS_FULL_RUN } from "../../reliability/random-source.ts";
import { type AgentTestApp, createAgentTestApp, WORK_RULES } from "../../support/agent-test-app.ts";
import { crashAfterChange } from "../../support/crash-after-change.ts";
import { hasRedisServer, startRedis, type TestRedis } from "../../support/redis-server.ts";
import { createTestFolder } from "../../support/test-folder.ts";

/** A call that runs a procedure, what precedes it, and what it leaves behind for people and agents. */
interface Scenario {
  title: string;
  prepare: (app: AgentTestApp, item: Item) => Promise<unknown>;
  act: (deps: TaskDeps, app: AgentTestApp, item: Item) => Promise<unknown>;
  readState: (app: AgentTestApp, item: Item) => Promise<object>;
}

const START: StatusChange = { status: "in_progress", session: "openclaw-session-1" };
const DONE_UNSURE: StatusChange = { status: "done", text: "Hm.", confidence: 0.4 };
const BLOCK: StatusChange = { status: "blocked", text: "Which?" };

/** A change of status, with the changes before it. */
function createStatusScenario(title: string, before: StatusChange[], change: StatusChange): Scenario {
  return {
    title,
    async prepare(app, item) {
      for (const earlier of before) await app.actAs("Imhotep").setStatus(item.id, earlier);
    },
    act: (deps, app, item) => createTaskOperations(deps, app.getCaller("Imhotep")).setStatus(item.id, change),
    async readState(app, item) {
      const { state, labels } = app.readPlaneItem(item);
      const stored = await app.readItem(item);
      const [finished] = await app.store.read<{ agent: string; cost?: number }>([`finished:${item.id}`]);
      return {
        state,
        labels: labels.sort(),
        status: stored?.snapshot.status,
        review: stored?.review,
        comments: readComments(app, item),
        events: app.actions.flatMap(({ facts, event }) => (facts.item?.id === item.id ? [event.kind] : [])).sort(),
        holder: (await findClaim(app.deps, item.id))?.agent,
        step: (await findStatusAttempt(app.deps, item.id))?.step,
        finished: finished && { agent: finished.value.agent, cost: finished.value.cost },
      };
    },
  };
}

/** A person's answer to the review of an unsure result. */
function createVerdictScenario(title: string, answer: { answer: string; comment?: string }): Scenario {
  return {
    ...createStatusScenario(title, [START, DONE_UNSURE], DONE_UNSURE),
    async act(deps, app, item) {
      const { id = "", hash = "" } = (await readTaskRequests(app.deps, item.id, "review")).at(-1)?.value ?? {};
      return decideRequest(deps, id, { ...answer, hash, by: "Ada", where: "api" }, "verdict");
    },
  };
}

const readComments = (app: AgentTestApp, item: Item) =>
  app
    .readComments(item)
    .filter((comment) => !comment.includes("Agent card"))
    // The queue writes with Groundcrew's own key and without the text that only the call has. Each app has its own Plane.
    .map((comment) =>
      comment
        .replace(/^(?:Ada: <p><strong>Imhotep<\/strong>:<\/p>|Imhotep: )/, "")
        .replace(/[0-9a-f-]{36}|127\.0\.0\.1:\d+/g, "…"),
    )
    .sort();

/** A plan whose project exists or is created for it; one task has a blocker. */
function createPlanScenario(title: string, toProject: (n: number) => string): Scenario {
  const plan = ({ sequence_id: n }: Item) => ({
    project: toProject(n),
    tasks: [
      { id: "draw", title: `Drawing ${n}`, assignee: "Imhotep" },
      { id: "text", title: `Text ${n}`, assignee: "Thot", blocked_by: ["draw"] },
    ],
  });
  return {
    title,
    prepare: (app, { sequence_id: n }) => app.addWish(`a website ${n}`),
    act: (deps, app, item) => createTaskOperations(deps, app.getCaller("Concierge")).plan(plan(item)),
    async readState(app, item) {
      const { plane } = app;
      const isOfPlan = ({ name }: { name: string }) => name.endsWith(` ${item.sequence_id}`);
      const projects = plane.projects().filter(({ name }) => name === plan(item).project || name === "Onboarding");
      const tasks = projects.flatMap((project) => plane.items(project).filter(isOfPlan));
      const [run] = await readPlanRuns(app.deps);
      return {
        tasks: tasks.map((task) => ({
          name: task.name.replace(/ \d+$/, ""),
          assignees: app.readPlaneItem(task).assignees,
          blockers: plane.blockers(task).map((id) => plane.item(id)?.name.replace(/ \d+$/, "")),
          cards: app.readComments(task).filter((comment) => comment.includes("Agent card")).length,
          events: app.actions.flatMap(({ facts, event }) => (facts.item?.id === task.id ? [event.kind] : [])).sort(),
        })),
        run: run && { state: run.state, done: run.done, total: run.total },
      };
    },
  };
}

/** Of every kind of procedure: a kind without a scenario fails. */
const SCENARIOS: Record<string, Scenario[]> = {
  status: [
    createStatusScenario("starting", [], START),
    createStatusScenario("finishing", [START], { status: "done", text: "Ready.", cost: 2 }),
    createStatusScenario("asking for a review", [START], DONE_UNSURE),
    createStatusScenario("blocking", [START], BLOCK),
    createStatusScenario("continuing", [START, BLOCK], { status: "in_progress", text: "This one." }),
  ],
  verdict: [
    createVerdictScenario("approving", { answer: "approve" }),
    createVerdictScenario("sending back", { answer: "send_back", comment: "No." }),
  ],
  plan: [
    createPlanScenario("a plan with a new project", (n) => `Website ${n}`),
    createPlanScenario("a plan in a project that exists", () => "Onboarding"),
  ],
};

const START_TIME = Date.parse("2026-11-21T08:00:00.000Z");

/** Limit of the changes of one call and of the steps that it leaves to the queue. */
const MAX_CHANGES = 200;

/** Of so many points the other runs than FULL take one, an odd number so that both ways are taken. */
const SAMPLE = 41;

/** Limit of the kills of one scenario: 15 min, because a full run makes about 130, each of which polls several times. */
vi.setConfig({ testTimeout: 15 * 60_000 });

/** Limit of the calls that are killed in one workspace, whose polls take longer with each. */
const KILLS_PER_APP = 25;

/** Where a call is killed: at the begin or end of a step, or after its `change`th change of the store or of Plane. */
interface Kill {
  step?: string;
  change?: number;
  /** Whether the queue has its turn before the call is repeated. */
  queueFirst: boolean;
}

type Kind = (typeof PROCEDURES)[number];
type OpenStore = () => Promise<(clock: () => number) => Store>;

/** The points at which a call is killed, or a sample. */
function listKills({ steps }: Kind): Kill[] {
  const points = steps.flatMap(({ name }) => [`before ${name}`, `after ${name}`]);
  const kills = [
    ...points.flatMap((step) => [true, false].map((queueFirst) => ({ step, queueFirst }))),
    ...Array.from({ length: MAX_CHANGES }, (_, i) => ({ change: 1 + i, queueFirst: i % 2 === 0 })),
  ];
  return IS_FULL_RUN ? kills : kills.filter((_, i) => i % SAMPLE === 5);
}

/** The queue that takes at once what a call leaves to it: its last step, or all of a kind that no call waits for. */
const toQueueHandler = ({ getLane }: Kind) => ({ ...workHandler, queue: getLane ? "work" : "posts" }) as const;

/**
 * Runs the call on a new task, and the steps that it leaves to the queue, and kills the process; then the call is
 * repeated, and the queue does what is left.
 */
async function runKilled(app: AgentTestApp, kind: Kind, { prepare, act, readState }: Scenario, kill?: Kill) {
  const item = app.addTask("Write the report", "Imhotep");
  app.dropWebhooks();
  await app.poll();
  await prepare(app, item);
  await app.runUntilIdle();
  const process = crashAfterChange(app.deps, kill?.change);
  const reached: string[] = [];
  const spies = kind.steps.map((step) => {
    const run = step.run.bind(step);
    return vi.spyOn(step, "run").mockImplementation(async (...args) => {
      reached.push(step.name);
      if (kill?.step === `before ${step.name}`) return process.end();
      const result = await run(...args);
      return kill?.step === `after ${step.name}` ? process.end() : result;
    });
  });
  const handler = toQueueHandler(kind);
  const queue = createPump(process.deps, [handler]);
  const live = async () => {
    await act(process.deps, app, item);
    do {
      app.advance(AGENT_PACE_MS);
      await queue.drain();
    } while ((await app.store.stats()).queues[handler.queue].pending > 0);
  };
  const outcome = await process.orCrash(live());
  for (const spy of spies) spy.mockRestore();
  const isKilled = outcome === "over";
  if (isKilled) {
    // What was complete is a new call after so long a time.
    if (kill?.queueFirst && (await app.store.count(workSets.procedures)) > 0) {
      app.advance(kind.resumeAfterMs + 1_000);
      await app.poll();
    }
    await act(app.deps, app, item);
  }
  await app.runUntilIdle();
  // Where nothing was left for the repeated call, only the queue ends the procedure.
  if (isKilled) {
    app.advance(kind.resumeAfterMs + 1_000);
    await app.pollUntilIdle();
  }
  const open = await app.store.count(workSets.procedures);
  return { isKilled, reached, state: { ...(await readState(app, item)), open } };
}

let redis: TestRedis | undefined;
afterAll(() => redis?.stop());

/** The stores of a full run; the usual one has only the first. */
const ENGINES: Record<string, OpenStore> = {
  memory: async () => (clock) => createMemoryStore({ clock }),
  async file() {
    const folder = createTestFolder("procedures");
    return (clock) => {
      const store = createSqliteStore({ folder, clock });
      onTestFinished(() => store.close());
      return store;
    };
  },
  async redis() {
    redis ??= await startRedis();
    let clock = () => START_TIME;
    const store = await connectRedisStore({ url: redis.url, prefix: randomUUID(), clock: () => clock() });
    onTestFinished(() => store.close());
    return (appClock) => {
      clock = appClock;
      return store;
    };
  },
};

test("every kind of procedure has scenarios", () => {
  expect(Object.keys(SCENARIOS)).toEqual(PROCEDURES.map(({ name }) => name));
});

async function createApp(openStore: OpenStore): Promise<AgentTestApp> {
  const config = { plan: { approve: false } };
  const app = await createAgentTestApp({ config, store: await openStore(), parts: WORK_RULES });
  await app.runFirstPoll();
  return app;
}

const engines = Object.entries(ENGINES)
  .filter(([name]) => name !== "redis" || hasRedisServer())
  .slice(0, IS_FULL_RUN ? undefined : 1);
const kindsByEngine = engines.flatMap(([engine, openStore]) =>
  PROCEDURES.map((kind) => ({ name: kind.name, engine, kind, openStore })),
);

describe.each(kindsByEngine)("procedure $name on the store in $engine", ({ name, kind, openStore }) => {
  test.each(SCENARIOS[name] ?? [])("$title, killed at any step and repeated, ends the same", async (scenario) => {
    let app = await createApp(openStore);
    const { state: expected, reached } = await runKilled(app, kind, scenario);
    expect(expected.open).toBe(0);
    for (const [i, kill] of listKills(kind).entries()) {
      if (i % KILLS_PER_APP === KILLS_PER_APP - 1) app = await createApp(openStore);
      const { isKilled, state } = await runKilled(app, kind, scenario, kill);
      expect(state, JSON.stringify(kill)).toEqual(expected);
      if (kill.step !== undefined) expect(isKilled).toBe(reached.includes(kill.step.split(" ")[1] ?? ""));
      // The call has no further change.
      else if (!isKilled) return;
    }
    expect.fail(`A call has more than ${MAX_CHANGES} changes.`);
  });
});
