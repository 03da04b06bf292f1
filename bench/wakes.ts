import { toSettingName } from "../shared/config/settings-file.ts";
import { HOUR, MINUTE, type Ms, SECOND } from "../shared/time.ts";
import { createGatewaySimulator } from "../simulators/openclaw/create-gateway-simulator.ts";
import type { Item, Project } from "../simulators/plane/types.ts";
import { createSeededRandom } from "../simulators/seeded-random.ts";
import { percentile } from "./figures.ts";
import { startSimulatedProduct } from "./simulated-product.ts";
import type { BenchLine } from "./table.ts";
import { createWakeTeam, isAsleep, type SimulatedAgent } from "./wake-team.ts";

export interface WakeBenchSizes {
  agents: number;
  duration: Ms;
  /** Tasks that each agent gets per hour, on average; they come in batches of one to four. */
  tasksPerHour: number;
}

export interface WakeFigures {
  tasks: number;
  done: number;
  wakes: number;
  /** Wakes of which the run failed because the agent slept. */
  wakesAsleep: number;
  /** For each task: how long it was startable while its agent was awake and had no run. */
  idle: Ms[];
  /** The same, with the time that a run needs to choose and claim a task. */
  untilClaimed: Ms[];
  /** Messages to people that an agent does not react. */
  notices: number;
  sleeps: number;
}

interface BenchTask {
  item: Item;
  agent: SimulatedAgent;
  idle: Ms;
  untilClaimed: Ms;
}

const SEED = 30;
const POLL_INTERVAL: Ms = 5 * MINUTE;
/** Step of the clock for this long after something happened, and otherwise. */
const BUSY: { after: Ms; step: Ms } = { after: 40 * SECOND, step: SECOND };
const QUIET_STEP: Ms = 15 * SECOND;
/** A sleeping agent sleeps twice, for an hour. */
const SLEEP: Ms = HOUR;
/** Time at the end in which no task arrives. */
const REST: Ms = HOUR;

/**
 * Simulates a day of a team: half of the agents do one task per run, three of ten do all, and two of ten do all but
 * sleep for an hour twice; a person starts those again afterwards if they were notified.
 */
export async function runWakeDay({ agents: count, duration, tasksPerHour }: WakeBenchSizes): Promise<WakeFigures> {
  const random = createSeededRandom(SEED);
  const agents: SimulatedAgent[] = [];
  let runAgent: (agentId: string) => Promise<void> = async () => {};
  const names = Array.from({ length: count }, (_, i) => `Agent${i + 1}`);
  const gateway = createGatewaySimulator({
    version: "2026.9.6",
    agents: names.map((name) => name.toLowerCase()),
    onRun: ({ agent }) => runAgent(agent),
  });
  const url = await gateway.start();
  let users: string[] = [];
  let project: Project | undefined;
  const product = await startSimulatedProduct((plane, env) => {
    const added = plane.addProject({ name: "Onboarding", identifier: "ONB" });
    project = added;
    const people = names.map((name) => plane.addUser({ name }));
    users = people.map(({ id }) => id);
    Object.assign(env, { OPENCLAW_URL: url, OPENCLAW_HOOK_TOKEN: gateway.token });
    for (const [i, person] of people.entries()) {
      plane.addProjectMember(added, person);
      const name = names[i] ?? "";
      const token = `bridge-token-of-${name}-in-the-bench`;
      Object.assign(env, {
        [`AGENT_TOKEN_${toSettingName(name)}`]: token,
        [`PLANE_API_KEY_${toSettingName(name)}`]: plane.createApiKey(person),
      });
      agents.push({ name, token, doesAllTasks: i * 2 >= count, sleeps: [], active: new Set(), runs: 0 });
    }
    return { agents: people.map(({ email }, i) => ({ name: names[i], email, wake: "openclaw" })) };
  });
  const { plane, time } = product;
  if (!project) throw new Error("There is no project.");
  const begin = time.clock();
  const sleepers = agents.filter((_, i) => i * 10 >= count * 8);
  for (const [i, sleeper] of sleepers.entries())
    sleeper.sleeps = [0.2, 0.6].map((part) => {
      const from = begin + Math.round((part + 0.1 * i) * duration);
      return { from, to: from + Math.min(SLEEP, duration / 8) };
    });

  const team = createWakeTeam(product, random);
  const findAgent = (id: string) => agents.find(({ name }) => name.toLowerCase() === id);
  let lastActivity = begin;
  let wakesAsleep = 0;
  runAgent = async (id) => {
    const agent = findAgent(id);
    if (!agent) return;
    if (isAsleep(agent, time.clock())) wakesAsleep += 1;
    await team.run(agent);
  };

  const tasks: BenchTask[] = [];
  const background: Promise<unknown>[] = [];
  const restarts = new Map<SimulatedAgent, number>();
  let lastPollAt = Number.NEGATIVE_INFINITY;
  let lastClaimCheckAt = begin;
  let events = 0;
  while (time.clock() < begin + duration) {
    const now = time.clock();
    if (now >= lastPollAt + POLL_INTERVAL) {
      lastPollAt = now;
      background.push(product.startTick("poll"));
    }
    if (now >= lastClaimCheckAt + MINUTE) {
      lastClaimCheckAt = now;
      background.push(product.startTick("claims"));
    }
    const isQuiet = now - lastActivity >= BUSY.after;
    if (now < begin + duration - REST) {
      for (const [i, agent] of agents.entries()) {
        // A batch has 2.5 tasks on average.
        if (random() >= (tasksPerHour / 2.5) * ((isQuiet ? QUIET_STEP : BUSY.step) / HOUR)) continue;
        lastActivity = now;
        const size = 1 + Math.floor(random() * 4);
        for (let n = 0; n < size; n += 1) {
          const name = `Task ${tasks.length + 1}`;
          const assignee = users[i];
          if (assignee === undefined) throw new Error(`${agent.name} has no account.`);
          tasks.push({
            item: plane.addItem(project, { name, state: "Todo", assignees: [assignee] }),
            agent,
            idle: 0,
            untilClaimed: 0,
          });
        }
      }
    }
    // A person who was notified starts the agent again once it can run.
    for (const sleeper of sleepers) {
      const notices = listNotices().filter((notice) => notice.includes(sleeper.name)).length;
      if (notices <= (restarts.get(sleeper) ?? 0) || isAsleep(sleeper, now)) continue;
      restarts.set(sleeper, notices);
      background.push(team.run(sleeper));
    }
    await product.deliverWebhooks();
    const step = now - lastActivity < BUSY.after ? BUSY.step : QUIET_STEP;
    await time.advance(step, step);
    const passed = time.clock() - now;
    for (const task of tasks) {
      const key = `${project.identifier}-${task.item.sequence_id}`;
      if (team.claimedAt.has(key) || task.agent.active.size > 0 || isAsleep(task.agent, now)) continue;
      task.untilClaimed += passed;
      if (task.agent.runs === 0) task.idle += passed;
    }
    const eventCount = tasks.length + gateway.runs.length + team.claimedAt.size + team.doneTasks.size;
    if (eventCount !== events) lastActivity = time.clock();
    events = eventCount;
  }
  await time.advanceUntilSettled(Promise.all(background));
  const notices = listNotices().length;
  await product.stop();
  await gateway.stop();
  return {
    tasks: tasks.length,
    done: team.doneTasks.size,
    wakes: gateway.runs.length + gateway.heartbeats.length,
    wakesAsleep,
    idle: tasks.map(({ idle }) => idle),
    untilClaimed: tasks.map(({ untilClaimed }) => untilClaimed),
    notices,
    sleeps: sleepers.reduce((sum, { sleeps }) => sum + sleeps.length, 0),
  };

  function listNotices(): string[] {
    return product.listMessages().filter((text) => text.startsWith("⚠️"));
  }
}

/** Measures what wakes cost and whether they leave startable tasks idle. */
export async function benchWakes(sizes: WakeBenchSizes): Promise<BenchLine[]> {
  const { tasks, done, wakes, wakesAsleep, idle, untilClaimed, notices, sleeps } = await runWakeDay(sizes);
  const minutes = (ms: Ms) => (ms / MINUTE).toFixed(2);
  const formatMinutes = (times: readonly Ms[]) =>
    [percentile(times, 50), percentile(times, 95), Math.max(...times)].map(minutes).join(" / ");
  const p95 = percentile(idle, 95);
  const ratio = wakes / done;
  return [
    {
      what: `wakes: ${sizes.agents} agents, ${Math.round(sizes.duration / HOUR)} h, ${tasks} tasks: wakes per handled task`,
      ours: `${ratio.toFixed(2)} (${wakes} wakes, ${wakesAsleep} of them to sleeping agents; ${done} of ${tasks} tasks done)`,
      aim: "≤ 1.1",
      met: ratio <= 1.1 && done === tasks,
    },
    {
      what: "wakes: idle minutes of a startable task whose agent is awake, p50 / p95 / longest",
      ours: `${formatMinutes(idle)} (until a run has claimed it: ${formatMinutes(untilClaimed)})`,
      aim: "p95 < 1",
      met: p95 < MINUTE,
    },
    {
      what: "wakes: messages to people about agents that do not react",
      ours: `${notices} for ${sleeps} sleeps of an hour`,
      aim: "≤ 1 per sleep",
      met: notices <= sleeps,
    },
  ];
}
