/** The team: each agent with its open tasks by what they wait for, its work of the last days, and its figures. */

import { Hono } from "hono";
import { readAgentDays } from "../../shared/accounting/history.ts";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { answerCleanJson } from "../../shared/http/request.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { limitDeps } from "../../shared/people/viewer.ts";
import { readLiveClaims } from "../../shared/records/claim-record.ts";
import { listReadableProjects, type ProjectRecord } from "../../shared/records/plane-records.ts";
import { observedSets } from "../../shared/records/store-keys.ts";
import { scanPages } from "../../shared/store/records.ts";
import { compareUrgency, type ItemRecord, isInReview, isStartable } from "../../shared/task/snapshot.ts";
import { readHiddenTasks } from "../../shared/tasks/plan-record.ts";
import { readTicketCost } from "../../shared/tickets/ticket-cost.ts";
import { type CardDeps, readCards } from "./cards.ts";

type TeamDeps = CardDeps & Pick<Deps, "settings">;

/** The tasks that an agent has claimed, those that it could claim now, those that wait, and those that a human reviews. */
const QUEUES = ["holds", "startable", "waiting", "review"] as const;

export type TeamQueue = (typeof QUEUES)[number];

export type TeamAnswer = Awaited<ReturnType<typeof readTeam>>;

/** An agent with its open tasks: of each list the most urgent first, and the number of all. */
export type TeamAgent = Awaited<ReturnType<typeof describeAgent>>;

interface ItemList {
  total: number;
  /** The most urgent first. */
  items: ItemRecord[];
}

/** Limit of tasks in each list of an agent; the page shows how many there are. */
const MAX_SHOWN = 6;

/** Number of days in the charts, today included: two weeks show what is usual on each day of the week. */
const DAYS = 14;

/** The agents with the tasks they hold, their queues, and their figures of the last days. */
export const teamRoute: Route = { path: "/api/team", access: "page", app };

function app(deps: TeamDeps): Hono {
  return new Hono().get("/", async (c) => answerCleanJson(c, await readTeam(limitDeps(deps, c.get("viewer")))));
}

async function readTeam(deps: TeamDeps) {
  const { agents, budget, tickets } = deps.settings;
  const projects = await listReadableProjects(deps);
  const answers: TeamAgent[] = [];
  // One after the other, because each reads all open tasks of an agent.
  for (const agent of agents) answers.push(await describeAgent(deps, projects, agent));
  return omitUndefined({
    agents: answers,
    currency: budget?.currency,
    tickets: tickets && (await readTicketCost(deps, DAYS)),
  });
}

async function describeAgent(
  deps: TeamDeps,
  projects: readonly ProjectRecord[],
  { name, role = "worker", about }: TeamDeps["settings"]["agents"][number],
) {
  const queues = await readAgentQueues(deps, projects, name);
  // Read together, so that a Plane that does not answer delays them once.
  const cards = await readCards(
    deps,
    projects,
    QUEUES.flatMap((queue) => queues[queue].items),
  );
  const byId = new Map(cards.map((card) => [card.id, card]));
  const toAnswer = ({ total, items }: ItemList) => ({
    total,
    cards: items.flatMap(({ snapshot }) => byId.get(snapshot.id) ?? []),
  });
  return {
    ...{ name, role, ...omitUndefined({ about }) },
    ...mapQueues((queue) => toAnswer(queues[queue])),
    days: await readAgentDays(deps, name, DAYS),
  };
}

/**
 * Divides an agent's open tasks into those that it holds, could claim now, cannot claim yet, and those in review. Reads
 * page by page and keeps only the items that are shown. Makes no request to Plane.
 */
async function readAgentQueues(
  deps: Pick<Deps, "store">,
  projects: readonly ProjectRecord[],
  agent: string,
): Promise<Record<TeamQueue, ItemList>> {
  const isHidden = await readHiddenTasks(deps);
  const readable = new Set(projects.map(({ id }) => id));
  const queues = mapQueues((): ItemList => ({ total: 0, items: [] }));
  for await (const rows of scanPages<ItemRecord>(deps, observedSets.tasks(agent))) {
    const items = rows.map(({ value }) => value).filter(({ snapshot }) => readable.has(snapshot.project));
    const claims = await readLiveClaims(
      deps,
      items.map(({ snapshot }) => snapshot.id),
    );
    for (const [i, item] of items.entries()) {
      const list = queues[findQueue(item, claims[i]?.agent)];
      list.total += 1;
      list.items.push(item);
    }
    for (const list of Object.values(queues))
      list.items = list.items.sort((a, b) => compareUrgency(a.snapshot, b.snapshot)).slice(0, MAX_SHOWN);
  }
  return queues;

  function findQueue(item: ItemRecord, holder: string | undefined): TeamQueue {
    if (holder === agent) return "holds";
    if (isInReview(item)) return "review";
    return holder === undefined && isStartable(item, agent) && !isHidden(item) ? "startable" : "waiting";
  }
}

function mapQueues<Value>(toValue: (queue: TeamQueue) => Value) {
  return Object.fromEntries(QUEUES.map((queue) => [queue, toValue(queue)])) as Record<TeamQueue, Value>;
}
