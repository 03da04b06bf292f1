import { expect, test } from "vitest";
import { readMonthlySpending } from "../../../shared/accounting/spending.ts";
import { refreshBudget } from "../../../shared/tasks/forecast.ts";
import { DAY } from "../../../shared/time.ts";
import { createAppWithSession, createSession, createTicketsApp } from "./tickets-app.ts";

const BUDGET = { config: { budget: { amount: 50, currency: "USD" } } };

async function createApp(timezone = "UTC") {
  const app = await createTicketsApp({}, { ...BUDGET, env: { TIMEZONE: timezone } });
  const item = await app.requestTicket("Write it down", { assignees: [app.getUser("Thot")] });
  return { app, item };
}

test("The cost of today is in the configured time zone, and begins at 0 with the next day", async () => {
  const { app } = await createApp("Pacific/Kiritimati");
  await app.call("/api/approve/ONB-1");
  await app.exchange();
  expect(await app.read("/api/sessions")).toMatchObject({ configured: true, cost_today: { cost_usd: 0 } });
  await app.exchange([createSession({ cost_usd: 1.25 })]);
  const { cost_today } = await app.read("/api/sessions");
  const today = new Date(await app.deps.store.now()).toLocaleDateString("sv-SE", { timeZone: "Pacific/Kiritimati" });
  expect(cost_today).toEqual({ day: today, cost_usd: 1.25 });
  app.advance(DAY);
  await app.exchange([createSession({ cost_usd: 1.5 })]);
  expect((await app.read("/api/sessions")).cost_today).toMatchObject({ cost_usd: 0.25 });
  const team = await app.read("/api/team");
  expect(team.tickets.month).toBe(1.5);
  expect(team.tickets.days.slice(-2).map(({ cost }: { cost: number }) => cost)).toEqual([1.25, 0.25]);
});

test("Over an agent's report and a ticket's session, the month's budget has each cost once, by source", async () => {
  const { app } = await createApp();
  await app.actAs("Thot").report("ONB-1", { cost: 2 });
  await app.call("/api/approve/ONB-1");
  await app.exchange();
  for (const cost_usd of [0.5, 0.5, 0.75]) await app.exchange([createSession({ cost_usd })]);
  await app.actAs("Thot").report("ONB-1", { cost: 3 });
  expect(await readMonthlySpending(app.deps)).toMatchObject({ cost: 3.75, sources: { agents: 3, tickets: 0.75 } });
  await refreshBudget(app.deps);
  expect((await app.read("/api/board")).budget).toMatchObject({ spent: 3.75, tickets: 0.75 });
});

test("The agent card shows the cost of the ticket's session beside the agents'", async () => {
  const { app, item } = await createApp();
  await app.actAs("Thot").claim("ONB-1");
  await app.actAs("Thot").report("ONB-1", { cost: 2 });
  await app.runUntilIdle();
  await app.call("/api/approve/ONB-1");
  await app.exchange();
  await app.exchange([createSession({ cost_usd: 0.5 })]);
  app.advance(60_000);
  await app.runUntilIdle();
  const cards = app.readComments(item).filter((comment) => comment.includes("Agent card"));
  expect(cards).toHaveLength(1);
  expect(cards[0]).toContain("<strong>Cost:</strong> 2.5 USD (Thot 2, Claude Code 0.5)");
});

test("The team and the board say nothing about tickets without `tickets` in the settings", async () => {
  const { app } = await createAppWithSession();
  expect((await app.read("/api/board")).tickets).toEqual({ pending: 0 });
  const plain = await createTicketsApp({}, { config: { tickets: undefined } });
  expect((await plain.read("/api/board")).tickets).toBeUndefined();
  expect((await plain.read("/api/team")).tickets).toBeUndefined();
  expect(await plain.read("/api/sessions")).toMatchObject({ configured: false, sessions: [] });
});
