import { z } from "zod";
import { omitUndefined } from "../shared/omit-undefined.ts";
import { observedSets } from "../shared/records/store-keys.ts";
import { HOUR, MINUTE, type Ms, SECOND } from "../shared/time.ts";
import type { PlaneSimulator } from "../simulators/plane/plane-simulator.ts";
import type { Item, ItemPatch, PlaneVersion, Project, User } from "../simulators/plane/types.ts";
import { createAgentKeys } from "./agent-team.ts";
import { formatCount } from "./figures.ts";
import { countDetailsRequests, type SimulatedProduct, startSimulatedProduct } from "./simulated-product.ts";
import type { BenchLine } from "./table.ts";

export interface AdoptionSizes {
  projects: number;
  items: number;
  /** For each agent the number of its tasks, each of which waits for another open item. */
  blockedTasks: readonly number[];
  /** Number of further open tasks of each agent, which wait for nothing. Default: 0. */
  freeTasks?: number;
  /** Default: 1.3.1. */
  version?: PlaneVersion;
  /** Whether the agents have Plane keys of their own. Default: true. */
  hasAgentKeys?: boolean;
}

export interface AdoptionFigures {
  /** Time from the start until list_my_tasks named the blockers of every agent's tasks. */
  listsRightAfter: Ms;
  /** Blocked tasks that a list showed as startable at any time. */
  wrongTasks: number;
  /** Time until nothing was left to read; infinite when that took more than 2 hours. */
  allReadAfter: Ms;
  requests: number;
  /** Requests for comments and relations. */
  detailsRequests: number;
  /** Number of times that a job of details was taken from the queue. */
  attempts: number;
  /** Requests that change something in Plane, as Plane's ledger recorded them. */
  writes: number;
  refusedRequests: number;
  /** The most requests that any key sent within a minute. */
  busiestKeyMinute: number;
  /** The most requests that an agent's key sent within a minute. */
  busiestAgentMinute: number;
}

/** A list names the 50 most urgent tasks. */
const MAX_LISTED = 50;
const POLL_INTERVAL_MS = 5 * MINUTE;
/** Time between two looks at all lists. */
const CHECK_INTERVAL_MS = 5 * SECOND;

/** A task with the keys of its open blockers. */
interface ExpectedTask {
  agent: string;
  key: string;
  blockers: string[];
}

/**
 * Starts the product on a workspace that people have used before, on 60 requests a minute and key, with the default notification
 * rules. Agents' tasks have no labels, and each agent has another task whose blocker was cancelled. Their items are the oldest of
 * each project, which Plane lists last; every tenth other item is urgent.
 */
export async function runAdoption(sizes: AdoptionSizes): Promise<AdoptionFigures> {
  let expected: ExpectedTask[] = [];
  let users: User[] = [];
  const product = await startSimulatedProduct(
    (plane, env) => {
      users = sizes.blockedTasks.map((_, i) => plane.addUser({ name: `Agent${i + 1}` }));
      expected = addUsedWorkspace(plane, users, sizes);
      if (sizes.hasAgentKeys ?? true) Object.assign(env, createAgentKeys(plane, users));
      return { agents: users.map(({ display_name: name, email }) => ({ name, email })) };
    },
    omitUndefined({ version: sizes.version }),
  );
  try {
    return await measureAdoption(product, expected, users);
  } finally {
    await product.stop();
  }
}

function addUsedWorkspace(plane: PlaneSimulator, users: User[], sizes: AdoptionSizes): ExpectedTask[] {
  const projects = Array.from({ length: sizes.projects }, (_, i) =>
    plane.addProject({ name: `Project ${i + 1}`, identifier: `P${i + 1}` }),
  );
  for (const project of projects) for (const user of users) plane.addProjectMember(project, user);
  const expected: ExpectedTask[] = [];
  let count = 0;
  const addItem = (name: string, fields: ItemPatch = {}) => {
    const project = projects[count % projects.length] as Project;
    count += 1;
    const item = plane.addItem(project, { name: `${name} ${count}`, ...fields });
    return { item, key: `${project.identifier}-${item.sequence_id}` };
  };
  const tasks: { item: Item; expected: ExpectedTask }[] = [];
  for (const [i, user] of users.entries()) {
    const agent = user.display_name;
    for (let n = 0; n < (sizes.blockedTasks[i] ?? 0); n += 1) {
      const { item, key } = addItem("Task", { assignees: [user] });
      tasks.push({ item, expected: { agent, key, blockers: [] } });
    }
    for (let n = 0; n < (sizes.freeTasks ?? 0); n += 1) {
      const { key } = addItem("Free task", { assignees: [user] });
      expected.push({ agent, key, blockers: [] });
    }
    const { item, key } = addItem("Task after a cancelled one", { assignees: [user] });
    plane.relate(item, addItem("Cancelled", { state: "Cancelled" }).item);
    expected.push({ agent, key, blockers: [] });
  }
  for (const task of tasks) {
    const blocker = addItem("Blocker");
    plane.relate(task.item, blocker.item);
    expected.push({ ...task.expected, blockers: [blocker.key] });
  }
  while (count < sizes.items) addItem("Item", count % 10 === 0 ? { priority: "urgent" } : {});
  return expected;
}

async function measureAdoption(
  product: SimulatedProduct,
  expected: readonly ExpectedTask[],
  users: readonly User[],
): Promise<AdoptionFigures> {
  const { time, plane, attempts } = product;
  const begin = time.clock();
  let lastPollAt = begin;
  let lastCheckAt = begin;
  const polls: Promise<unknown>[] = [product.startPoll()];
  let listsRightAfter = Number.POSITIVE_INFINITY;
  let allReadAfter = Number.POSITIVE_INFINITY;
  const wrong = new Set<string>();
  while (time.clock() < begin + 2 * HOUR && allReadAfter === Number.POSITIVE_INFINITY) {
    if (time.clock() >= lastPollAt + POLL_INTERVAL_MS) {
      lastPollAt = time.clock();
      polls.push(product.startPoll());
    }
    await time.advance(SECOND);
    const elapsed = time.clock() - begin;
    if (listsRightAfter === Number.POSITIVE_INFINITY && time.clock() >= lastCheckAt + CHECK_INTERVAL_MS) {
      lastCheckAt = time.clock();
      if (await checkLists(product, expected, wrong)) listsRightAfter = elapsed;
    }
    if (elapsed > MINUTE && (await product.countPendingJobs()) === 0) allReadAfter = elapsed;
  }
  await time.advanceUntilSettled(Promise.all(polls));
  const requests = product.listRequests();
  return {
    listsRightAfter,
    wrongTasks: wrong.size,
    allReadAfter,
    requests: requests.length,
    detailsRequests: countDetailsRequests(requests),
    attempts: attempts.details,
    writes: requests.filter(({ method }) => method !== "GET").length,
    refusedRequests: plane.ledger.requests.filter(({ status }) => status === 429).length,
    busiestAgentMinute: findBusiestMinute(requests.filter(({ owner }) => users.some(({ id }) => id === owner))),
    busiestKeyMinute: findBusiestMinute(requests),
  };
}

/** The most requests of one key within any minute. */
function findBusiestMinute(requests: readonly { at: Ms; owner: string | null }[]): number {
  const counts = requests.map(
    ({ at, owner }) =>
      requests.filter((other) => other.owner === owner && other.at <= at && other.at > at - MINUTE).length,
  );
  return Math.max(0, ...counts);
}

const listSchema = z.object({
  tasks: z.array(
    z.object({
      key: z.string(),
      blocked_by: z.array(z.object({ key: z.string() })).nullable(),
      startable: z.literal(false).optional(),
    }),
  ),
});

/**
 * Whether the lists of all agents name the blockers of the tasks that they contain, and no task is left out because its
 * blockers are unknown. Collects blocked tasks that are shown as startable.
 */
async function checkLists(product: SimulatedProduct, expected: readonly ExpectedTask[], wrong: Set<string>) {
  let isRight = (await product.store.count(observedSets.unknownTasks)) === 0;
  for (const agent of new Set(expected.map((task) => task.agent))) {
    const answer = await product.callTool(agent, "list_my_tasks");
    // Refused until Plane was read.
    const { tasks } = answer.status === 200 ? listSchema.parse(answer.json) : { tasks: [] };
    const own = expected.filter((task) => task.agent === agent);
    if (tasks.length !== Math.min(own.length, MAX_LISTED)) isRight = false;
    for (const { key, startable, blocked_by } of tasks) {
      const blockers = own.find((task) => task.key === key)?.blockers ?? [];
      if (blockers.length > 0 && startable !== false) wrong.add(key);
      if (blocked_by?.map((blocker) => blocker.key).join() !== blockers.join()) isRight = false;
    }
  }
  return isRight;
}

/** Measures the first look at a workspace that people have used before, within the default quota of Plane. */
export async function benchAdoption(sizes: AdoptionSizes): Promise<BenchLine[]> {
  const figures = await runAdoption(sizes);
  const tasks = sizes.blockedTasks.reduce((sum, count) => sum + count, 0);
  const adoption = `adoption, ${tasks} blocked tasks`;
  const open = Math.round(tasks / sizes.blockedTasks.length) + (sizes.freeTasks ?? 0) + 1;
  const team = `${sizes.blockedTasks.length} agents with ${open} open tasks and 60 requests a minute each`;
  const workspace = `${formatCount(sizes.items)} items in ${sizes.projects} projects, ${team}`;
  return [
    {
      what: `${adoption}, ${workspace}: start → list_my_tasks right for all agents`,
      ours: `${Math.round(figures.listsRightAfter / SECOND)} s, ${figures.wrongTasks} blocked tasks shown as startable before`,
      aim: "≤ 180 s, 0",
      met: figures.listsRightAfter <= 3 * MINUTE && figures.wrongTasks === 0,
    },
    {
      what: `${adoption}: writes to Plane until nothing is left to read`,
      ours: `${figures.writes} (${figures.requests} requests in ${Math.round(figures.allReadAfter / SECOND)} s, ${figures.refusedRequests} refused)`,
      aim: "0",
      met: figures.writes === 0,
    },
    {
      what: `${adoption}: the most requests with one key within a minute`,
      ours: `${figures.busiestKeyMinute}, with an agent's ${figures.busiestAgentMinute}`,
      aim: "≤ 60",
      met: figures.busiestKeyMinute <= 60,
    },
  ];
}
