import { Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { answerCleanJson } from "../../shared/http/answer-clean-json.ts";
import { listReadableProjects } from "../../shared/observe/project-record.ts";
import type { KeptProject } from "../../shared/observe/stored-records.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { readTicketCost } from "../../shared/tickets/ticket-cost.ts";
import { readAgentDays } from "../../shared/work/time/agent-days.ts";
import { type CardDeps, readCards } from "./cards.ts";
import { readAgentQueues } from "./team-queues.ts";
import type { TeamAgent, TeamAnswer } from "./view-answers.ts";

/** The agents with the tasks they hold, their queues, and their figures of the last days. */
export const teamRoute: Route = { path: "/api/team", access: "page", app };

/** Number of days in the charts, today included: two weeks show what is usual on each day of the week. */
const DAYS = 14;

type TeamDeps = CardDeps & Pick<Deps, "settings">;

function app(deps: TeamDeps): Hono {
  const { agents, budget, tickets } = deps.settings;
  return new Hono().get("/", async (c) => {
    const projects = await listReadableProjects(deps);
    const answers: TeamAgent[] = [];
    // One after the other, because each reads all open tasks of an agent.
    for (const agent of agents) answers.push(await describeAgent(deps, projects, agent));
    return answerCleanJson(c, {
      agents: answers,
      ...omitUndefined({ currency: budget?.currency }),
      ...(tickets ? { tickets: await readTicketCost(deps, DAYS) } : {}),
    } satisfies TeamAnswer);
  });
}

async function describeAgent(
  deps: TeamDeps,
  projects: readonly KeptProject[],
  { name, role = "worker", about }: TeamDeps["settings"]["agents"][number],
): Promise<TeamAgent> {
  const { holds, startable, waiting, review } = await readAgentQueues(deps, projects, name);
  const items = [holds, startable, waiting, review].flatMap((list) => list.items);
  const cards = new Map((await readCards(deps, projects, items)).map((card) => [card.id, card]));
  const toAnswer = (list: typeof holds) => ({
    total: list.total,
    cards: list.items.flatMap(({ snapshot }) => cards.get(snapshot.id) ?? []),
  });
  return {
    name,
    role,
    ...omitUndefined({ about }),
    holds: toAnswer(holds),
    startable: toAnswer(startable),
    waiting: toAnswer(waiting),
    review: toAnswer(review),
    days: await readAgentDays(deps, name, DAYS),
  };
}
