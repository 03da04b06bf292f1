import { expect, test } from "vitest";
import type { TeamAnswer } from "../../../functions/dashboard/answers.ts";
import { teamRoute } from "../../../functions/dashboard/team-route.ts";
import { readAgentDays } from "../../../shared/accounting/history.ts";
import { MINUTE, SECOND } from "../../../shared/time.ts";
import { type AgentTestApp, createAgentTestApp } from "../../support/agent-test-app.ts";

async function readTeam(app: AgentTestApp): Promise<TeamAnswer> {
  const response = await teamRoute.app(app.deps).request("/");
  expect(response.status).toBe(200);
  return response.json() as Promise<TeamAnswer>;
}

async function readAgent(app: AgentTestApp, name: string) {
  const agent = (await readTeam(app)).agents.find((one) => one.name === name);
  if (!agent) throw new Error(`no agent ${name}`);
  return agent;
}

const listKeys = ({ cards }: { cards: { key: string }[] }) => cards.map(({ key }) => key);

test("the team has each agent with what it holds, what it can start, what waits and why, and what is in review", async () => {
  const app = await createAgentTestApp({ agents: { Thot: { about: "Writes and checks texts." } } });
  const blocker = app.addTask("Held", "Thot");
  app.addTask("Later", "Thot", { priority: "low" });
  app.addTask("Soon", "Thot", { priority: "urgent" });
  const waiting = app.addTask("Waiting", "Thot");
  app.plane.relate(waiting, blocker);
  app.addTask("To review", "Thot");
  app.addTask("Of nobody");
  await app.runFirstPoll();
  await app.runUntilIdle();
  await app.actAs("Thot").setStatus("ONB-5", { status: "in_progress" });
  await app.actAs("Thot").setStatus("ONB-5", { status: "done", text: "Done", confidence: 0.5 });
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  await app.runUntilIdle();
  const thot = await readAgent(app, "Thot");
  expect(listKeys(thot.holds)).toEqual(["ONB-1"]);
  expect(thot.holds.cards[0]?.held).toMatchObject({ by: "Thot" });
  expect(listKeys(thot.startable)).toEqual(["ONB-3", "ONB-2"]);
  expect(listKeys(thot.waiting)).toEqual(["ONB-4"]);
  expect(thot.waiting.cards[0]?.blockers).toMatchObject([{ key: "ONB-1" }]);
  expect(listKeys(thot.review)).toEqual(["ONB-5"]);
  expect(thot).toMatchObject({ role: "worker", about: "Writes and checks texts." });
  expect((await readTeam(app)).agents.map(({ name, role }) => [name, role])).toEqual([
    ["Concierge", "concierge"],
    ["Imhotep", "worker"],
    ["Thot", "worker"],
  ]);
});

test("the team has each agent's tasks, time, cost and confidence of the last 14 days, as the store's figures are", async () => {
  const app = await createAgentTestApp({ config: { budget: { amount: 50, currency: "EUR" } } });
  app.addTask("Task", "Thot");
  await app.runFirstPoll();
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  app.advance(10 * MINUTE);
  await app.actAs("Thot").setStatus("ONB-1", { status: "done", text: "Done", confidence: 0.9, cost: 1.25 });
  await app.runUntilIdle();
  const { days } = await readAgent(app, "Thot");
  expect(days).toHaveLength(14);
  expect(days).toEqual(await readAgentDays(app.deps, "Thot", 14));
  // The call that finishes the task waits a second for the agent's turn.
  const ms = 10 * MINUTE + SECOND;
  expect(days.at(-1)).toEqual({ day: "2026-11-21", tasks: 1, ms, cost: 1.25, confidence: 0.9 });
  expect(days[0]).toEqual({ day: "2026-11-08", tasks: 0, ms: 0, cost: 0 });
  expect((await readTeam(app)).currency).toBe("EUR");
});

test("an agent without tasks has empty lists and days without work", async () => {
  const app = await createAgentTestApp();
  await app.runFirstPoll();
  const agent = await readAgent(app, "Imhotep");
  const none = { total: 0, cards: [] };
  expect(agent).toMatchObject({ holds: none, startable: none, waiting: none, review: none });
  expect(agent.days.every(({ tasks, ms, cost }) => tasks + ms + cost === 0)).toBe(true);
});
