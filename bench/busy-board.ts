import { join } from "node:path";
import { toSettingName } from "../shared/config/settings-file.ts";
import { MINUTE, type Ms, SECOND } from "../shared/time.ts";
import { createGatewaySimulator } from "../simulators/openclaw/create-gateway-simulator.ts";
import type { Item, Project, User } from "../simulators/plane/types.ts";
import { createSeededRandom } from "../simulators/seeded-random.ts";
import { findFreePort } from "../test/support/redis-server.ts";
import { createAgentKeys } from "./agent-team.ts";
import { createBenchFolder } from "./bench-folder.ts";
import { createBoardAgent, type Received } from "./board-agents.ts";
import {
  type BoardJudgement,
  judgeBoard,
  type RequestedStop,
  STOP_LIMIT_MS,
  type WrittenRemark,
} from "./board-ledger.ts";
import { formatMs, median, percentile } from "./figures.ts";
import { ADMIN_TOKEN, type BenchSimulators, startSimulators } from "./simulators.ts";
import { startWithNpm } from "./start-product.ts";
import type { BenchLine } from "./table.ts";
import { sleep } from "./wait.ts";

export interface BusyBoardSizes {
  agents: number;
  duration: Ms;
  /** Remarks of people, spread over the duration. */
  remarks: number;
  itemsPerMinute: number;
  stops: number;
  kills: number;
}

interface BusyBoardFigures extends BoardJudgement {
  items: number;
  closed: number;
  /** Tasks that the product called done and that are open in Plane. */
  lostCompletions: number;
  requests: number;
  refusedRequests: number;
  /** Jobs that waited at the stops. */
  pendingAtStops: number[];
  stopsWhilePlaneIsAway: number;
}

const SEED = 40;
const CHAT = 4711;
/** Interval between looks at what is due. */
const CHECK_MS: Ms = 250;
/** Plane's default, with the time that a busy Plane takes for a request. */
const PLANE_RATE_LIMIT = 60;
const PLANE_LATENCY_MS: Ms = 50;
/** Open tasks of each agent at the beginning. */
const FIRST_TASKS = 3;
/** A service manager starts a killed process again after a second. */
const RESTART_MS: Ms = SECOND;
const WEBHOOKS_OFF_MS: Ms = 30 * SECOND;
const PLANE_AWAY_MS: Ms = 60 * SECOND;
/** When they begin, as parts of the duration. */
const WEBHOOKS_OFF_AT = 0.2;
const PLANE_AWAY_AT = 0.4;
/** Time in which the team may finish what is left. */
const REST_MS: Ms = 5 * MINUTE;
/** Interval between the calls with which an agent finds out that it was stopped. */
const PROBE_MS: Ms = 300;
const PROBE_LIMIT_MS: Ms = MINUTE;
/** After a stop, a person lets the task continue. */
const CONTINUE_AFTER_MS: Ms = 15 * SECOND;

/**
 * Runs the product as a process on a board of people and agents, in real time, at Plane's own quota: people write
 * remarks and stop tasks while webhooks are lost, Plane is away and the product is killed.
 */
export async function runBusyBoard(sizes: BusyBoardSizes): Promise<BusyBoardFigures> {
  const rig = await startRig(sizes);
  const { plane, webhook, telegram, board, received } = rig;
  const begin = Date.now();
  const end = begin + sizes.duration;
  const timeline = planTimeline(sizes, begin, {
    item: () => board.addItem(),
    remark: () => board.writeRemark(),
    stop: () => board.stopTask(),
    kill: rig.restartProduct,
    webhooksOff: () => plane.setWebhookActive(webhook, false),
    webhooksOn: () => plane.setWebhookActive(webhook, true),
    async planeAway() {
      board.isPlaneAway = true;
      await plane.takeDown();
    },
    async planeBack() {
      await plane.bringUp();
      board.isPlaneAway = false;
    },
  });
  const running: Promise<unknown>[] = [];
  try {
    let next = 0;
    while (Date.now() < end + REST_MS) {
      for (; next < timeline.length && (timeline[next]?.at ?? 0) <= Date.now(); next += 1)
        running.push(Promise.resolve(timeline[next]?.act()));
      void telegram.redeliverUpdates();
      if (Date.now() >= end && next === timeline.length && board.countOpen() === 0) break;
      await sleep(CHECK_MS);
    }
    rig.endRuns();
    await Promise.all(running);
    const findClosedAt = (id: string) => toMs(plane.item(id)?.completed_at);
    const { remarks, stops, items } = board;
    const requests = plane.ledger.requests.filter(({ api }) => api);
    return {
      ...judgeBoard({ remarks, stops, received, wakes: rig.wakes, findClosedAt }),
      items: items.length,
      closed: items.filter(({ id }) => findClosedAt(id) !== undefined).length,
      lostCompletions: countLostCompletions(received, (key) => findClosedAt(board.findItem(key)?.id ?? "")),
      requests: requests.length,
      refusedRequests: requests.filter(({ status }) => status === 429).length,
      pendingAtStops: stops.map(({ pending }) => pending),
      stopsWhilePlaneIsAway: stops.filter(({ isPlaneAway }) => isPlaneAway).length,
    };
  } finally {
    await rig.stop();
  }
}

/** Starts the simulators, the agents, the people and the product. */
async function startRig({ agents }: BusyBoardSizes) {
  const simulators = await startSimulators({ chats: [CHAT], autoDeliver: true, rateLimit: PLANE_RATE_LIMIT });
  const { plane, telegram } = simulators;
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const random = createSeededRandom(SEED);
  const received: Received[] = [];
  let isOver = false;
  const grace = plane.addUser({ name: "Grace" });
  const team = Array.from({ length: agents }, (_, i) => {
    const user = plane.addUser({ name: `Agent${i + 1}` });
    const { display_name: name } = user;
    const token = `bridge-token-of-${name}-in-the-bench`;
    const record = (each: Received) => void received.push(each);
    return { user, token, ...createBoardAgent({ name, url, token, random, isOver: () => isOver, record }) };
  });
  const gateway = createGatewaySimulator({
    version: "2026.9.6",
    agents: team.map(({ name }) => name.toLowerCase()),
    onRun: ({ agent, message }) => team.find(({ name }) => name.toLowerCase() === agent)?.wake(message),
  });
  const gatewayUrl = await gateway.start();
  const { project, items } = simulators.fillProject("ONB", agents * FIRST_TASKS, (i) => ({
    state: "Todo",
    assignees: team.slice(i % agents, (i % agents) + 1).map(({ user }) => user),
  }));
  simulators.useCurrentTime();
  const webhook = plane.addWebhook(`${url}/webhooks/plane`);
  const folder = createBenchFolder({
    agents: team.map(({ name, user }) => ({ name, email: user.email, wake: "openclaw" })),
  });
  const { POLL_CRON: _, ...simulatorsEnv } = simulators.env;
  const env = {
    ...simulatorsEnv,
    ...folder.env,
    PLANE_WEBHOOK_SECRET: webhook.secret,
    TELEGRAM_ALLOWED_USERS: String(CHAT),
    // By webhook, because a process that takes over from a killed one polls Telegram only after its lease of 45 s.
    PUBLIC_URL: url,
    TELEGRAM_MODE: "webhook",
    OPENCLAW_URL: gatewayUrl,
    OPENCLAW_HOOK_TOKEN: gateway.token,
    ...Object.fromEntries(team.map(({ name, token }) => [`AGENT_TOKEN_${toSettingName(name)}`, token])),
    ...createAgentKeys(
      plane,
      team.map(({ user }) => user),
    ),
  };
  const log = process.env["BUSY_LOG"] ?? join(folder.path, "log");
  plane.faults.beforeRequest(() => sleep(PLANE_LATENCY_MS));
  let product = await startWithNpm(env, { port, log });
  const endRuns = () => {
    isOver = true;
  };
  return {
    plane,
    telegram,
    webhook,
    received,
    /** Messages that the gateway accepted. */
    wakes: gateway.runs,
    board: createPeople({ simulators, project, items, team, grace, url, random, received }),
    endRuns,
    async restartProduct() {
      await product.kill();
      await sleep(RESTART_MS);
      product = await startWithNpm(env, { port, log });
    },
    async stop() {
      endRuns();
      await product.kill().catch(() => undefined);
      await gateway.stop();
      await simulators.stop();
      folder.remove();
    },
  };
}

interface PeopleOptions {
  simulators: BenchSimulators;
  project: Project;
  /** All items; new ones are added. */
  items: Item[];
  team: readonly { name: string; user: User; token: string }[];
  grace: User;
  url: string;
  random: () => number;
  received: Received[];
}

/** What people do on the board: create items, write about tasks and stop them, in Plane, Telegram and on the page. */
function createPeople({ simulators, project, items, team, grace, url, random, received }: PeopleOptions) {
  const { plane, telegram } = simulators;
  const remarks: WrittenRemark[] = [];
  const stops: RequestedStop[] = [];
  const stopped = new Set<string>();
  const toKey = (item: Item) => `${project.identifier}-${item.sequence_id}`;
  const stateNames = new Map(plane.states(project).map(({ id, name }) => [id, name]));
  const listOpen = () => items.filter(({ id }) => plane.item(id)?.completed_at === null && !stopped.has(id));
  const findAgent = (item: Item) => team.find(({ user }) => item.assignees.includes(user.id));
  const isInProgress = ({ id }: Item) => stateNames.get(plane.item(id)?.state ?? "") === "In Progress";

  /** Every second time a task that is in work, else any open one. */
  function pickTask(isWorkedOn: boolean): Item | undefined {
    const open = listOpen();
    const inWork = open.filter(isInProgress);
    const from = isWorkedOn && inWork.length > 0 ? inWork : open;
    return from[Math.floor(random() * from.length)];
  }

  const writeInTelegram = (text: string) => telegram.postAsUser(CHAT, CHAT, text);
  const people = {
    items,
    remarks,
    stops,
    isPlaneAway: false,
    countOpen: () => listOpen().length,
    findItem: (key: string) => items.find((item) => toKey(item) === key),
    addItem() {
      // Nobody can create one while Plane is away.
      if (people.isPlaneAway) return;
      const { user } = team[items.length % team.length] ?? {};
      const item = { name: `Item ${items.length + 1}`, state: "Todo", assignees: user ? [user] : [] };
      items.push(plane.addItem(project, item, { by: grace }));
    },
    async writeRemark() {
      const number = remarks.length + 1;
      const item = pickTask(number % 2 === 0);
      const agent = item && findAgent(item);
      // There is always an open task; else the run is not what it should be.
      if (!item || !agent) throw new Error("No open task is left to write about.");
      const where = people.isPlaneAway || number % 6 === 0 ? "telegram" : number % 6 === 3 ? "mention" : "plane";
      const mark = `remark-${number}`;
      const words = `Please mind ${mark}.`;
      remarks.push({ mark, item: item.id, task: toKey(item), agent: agent.name, at: Date.now(), where });
      if (where === "telegram") return writeInTelegram(`/plane comment ${toKey(item)} ${words}`);
      const mention = `<mention-component entity_identifier="${agent.user.id}" entity_name="user_mention"></mention-component> `;
      plane.addComment(item, `<p>${where === "mention" ? mention : ""}${words}</p>`, { by: grace });
      return undefined;
    },
    /** Stops a task in work, and lets it continue when the agent has found out. */
    async stopTask() {
      const item = listOpen().find(isInProgress);
      const agent = item && findAgent(item);
      if (!item || !agent) return;
      const key = toKey(item);
      stopped.add(item.id);
      const where = (["plane", "telegram", "page"] as const)[stops.length % 3] ?? "plane";
      const place = people.isPlaneAway && where === "plane" ? "telegram" : where;
      const at = Date.now();
      stops.push({
        item: item.id,
        task: key,
        agent: agent.name,
        at,
        where: place,
        pending: await countPending(url),
        isPlaneAway: people.isPlaneAway,
      });
      if (place === "plane") plane.addComment(item, "<p>stop</p>", { by: grace });
      else if (place === "telegram") await writeInTelegram(`/plane comment ${key} stop`);
      else await postUntilAnswered(`${url}/api/tasks/${key}/remarks`, ADMIN_TOKEN, { text: "stop" });
      await probeUntilStopped(agent, key, at);
      await sleep(CONTINUE_AFTER_MS);
      while (people.isPlaneAway) await sleep(SECOND);
      plane.addComment(item, "<p>Please go on.</p>", { by: grace });
      stopped.delete(item.id);
    },
  };

  /** The agent's next calls about the task, until one is refused because a person stopped it. */
  async function probeUntilStopped(agent: { name: string; token: string }, task: string, since: Ms) {
    while (Date.now() < since + PROBE_LIMIT_MS) {
      const startedAt = Date.now();
      const answer = await post(`${url}/agent/report`, agent.token, { task, percent: 50 }).catch(() => undefined);
      if (answer) {
        const at = Date.now();
        const via = answer.ok ? "answer" : "refusal";
        received.push({ agent: agent.name, at, via, tool: "report", task, took: at - startedAt, text: answer.text });
        if (!answer.ok && /stop/i.test(answer.text)) return;
      }
      await sleep(PROBE_MS);
    }
  }
  return people;
}

/** A person presses the button again while the product does not answer. */
async function postUntilAnswered(...request: Parameters<typeof post>): Promise<void> {
  while (!(await post(...request).catch(() => undefined))) await sleep(PROBE_MS);
}

async function post(url: string, token: string, body: object): Promise<{ ok: boolean; text: string }> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  return { ok: answer.ok, text: await answer.text() };
}

/** Jobs that wait or run; 0 while the product does not answer. */
async function countPending(url: string): Promise<number> {
  const answer = await fetch(`${url}/health`).catch(() => undefined);
  if (!answer?.ok) return 0;
  const { queues } = (await answer.json()) as { queues: Record<string, { pending: number }> };
  return Object.values(queues).reduce((sum, { pending }) => sum + pending, 0);
}

type TimelineAct = "item" | "remark" | "stop" | "kill" | "webhooksOff" | "webhooksOn" | "planeAway" | "planeBack";

/** All that happens, in the order of its time. */
function planTimeline(sizes: BusyBoardSizes, begin: Ms, acts: Record<TimelineAct, () => unknown>) {
  const { duration } = sizes;
  const spread = (count: number, act: TimelineAct, first = 0.5) =>
    Array.from({ length: count }, (_, i) => ({ at: begin + ((i + first) * duration) / count, act: acts[act] }));
  const webhooksOff = begin + WEBHOOKS_OFF_AT * duration;
  const planeAway = begin + PLANE_AWAY_AT * duration;
  return [
    ...spread(Math.round((sizes.itemsPerMinute * duration) / MINUTE), "item"),
    ...spread(sizes.remarks, "remark", 0.9),
    ...spread(sizes.stops, "stop", 0.3),
    ...spread(sizes.kills, "kill", 0.6),
    { at: webhooksOff, act: acts.webhooksOff },
    { at: webhooksOff + WEBHOOKS_OFF_MS, act: acts.webhooksOn },
    { at: planeAway, act: acts.planeAway },
    { at: planeAway + PLANE_AWAY_MS, act: acts.planeBack },
  ].sort((a, b) => a.at - b.at);
}

function countLostCompletions(received: readonly Received[], findClosedAt: (key: string) => Ms | undefined): number {
  const done = received.filter(
    ({ tool, via, status }) => tool === "update_task_status" && via === "answer" && status === "done",
  );
  return new Set(done.flatMap(({ task = "" }) => (findClosedAt(task) === undefined ? [task] : []))).size;
}

function toMs(micros: number | null | undefined): Ms | undefined {
  return micros === null || micros === undefined ? undefined : micros / 1_000;
}

/** Measures whether agents hear what people say on a busy board, and how fast a stop takes effect. */
export async function benchBusyBoard(sizes: BusyBoardSizes): Promise<BenchLine[]> {
  const figures = await runBusyBoard(sizes);
  const { heard, unheard, doubled, stopTimes, lateStops, statusTimes, hearingTimes } = figures;
  for (const problem of unheard) process.stderr.write(`${problem}\n`);
  const minutes = sizes.duration / MINUTE;
  const p95 = percentile(stopTimes, 95);
  const board = `busy board (${minutes} min, ${sizes.agents} agents, ${sizes.itemsPerMinute} items a minute, ${PLANE_RATE_LIMIT} requests a minute, ${sizes.kills} kill -9)`;
  return [
    {
      what: `${board}: remarks that the agent had read before the task closed`,
      ours: `${heard} of ${sizes.remarks}, ${figures.heardAfterClosing} written while it was being closed and read afterwards (p50 ${formatMs(median(hearingTimes))}, p95 ${formatMs(percentile(hearingTimes, 95))})`,
      aim: "all",
      met: heard + figures.heardAfterClosing === sizes.remarks,
    },
    {
      what: "busy board: remarks that two wakes of an agent carried",
      ours: doubled.join(", ") || "0",
      aim: "0",
      met: doubled.length === 0,
    },
    {
      what: "busy board: stop → the agent's next call is refused",
      ours: `p95 ${formatMs(p95)} (p50 ${formatMs(median(stopTimes))}, ${stopTimes.length} stops, ${figures.stopsWhilePlaneIsAway} while Plane is away, ${lateStops} more of closed tasks, ${Math.max(0, ...figures.pendingAtStops)} jobs waiting at most)`,
      aim: "p95 ≤ 5 s",
      met: p95 <= STOP_LIMIT_MS,
    },
    {
      what: `busy board: update_task_status (Plane: ${PLANE_LATENCY_MS} ms a request)`,
      ours: `p50 ${formatMs(median(statusTimes))}, p95 ${formatMs(percentile(statusTimes, 95))}, ${statusTimes.length} calls`,
      aim: "p50 ≤ 1.5 s",
      met: median(statusTimes) <= 1_500,
    },
    {
      what: "busy board: tasks closed in Plane",
      ours: `${figures.closed} of ${figures.items}, ${figures.lostCompletions} completions lost, ${figures.requests} requests, ${figures.refusedRequests} refused`,
      aim: "all, 0 lost",
      met: figures.closed === figures.items && figures.lostCompletions === 0,
    },
  ];
}
