import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { estimateTask, type FinishedTask } from "../../../shared/accounting/history.ts";
import { readAllSpending, readMonthlySpending } from "../../../shared/accounting/spending.ts";
import { workKeys, workSets } from "../../../shared/records/store-keys.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

async function createFinishedTasks(tasks: Partial<FinishedTask>[]) {
  const store = createMemoryStore({ clock: () => 0 });
  for (const [i, task] of tasks.entries()) {
    const value = { task: `ONB-${i}`, agent: "Thot", project: "ONB", size: "small", at: 0, ...task };
    await store.commit({ put: [{ key: workKeys.finished(`${i}`), value, sets: [workSets.finishedBy(value.agent)] }] });
  }
  return { store };
}

test("An estimate (OPENCLAW-11) is the median of the agent's own finished tasks of this size", async () => {
  const deps = await createFinishedTasks([
    { ms: 1000, cost: 1 },
    { ms: 9000, cost: 5 },
    { ms: 2000, cost: 2 },
    { ms: 4000, cost: 3 },
    { ms: 1, cost: 100, size: "large" },
    { ms: 1, cost: 100, agent: "Imhotep" },
  ]);
  expect(await estimateTask(deps, "Thot", "small")).toEqual({ ms: 3000, cost: 2.5, from: 4 });
});

test("An estimate (OPENCLAW-11) reports too little history below three tasks", async () => {
  const deps = await createFinishedTasks([{ ms: 1000 }, { ms: 2000 }, { ms: 3000, size: "large" }]);
  expect(await estimateTask(deps, "Thot", "small")).toEqual({ too_little: true, from: 2 });
  expect(await estimateTask(deps, "Nobody", "small")).toEqual({ too_little: true, from: 0 });
});

test("An estimate (OPENCLAW-11) contains only the time when no cost is known", async () => {
  const deps = await createFinishedTasks([{ ms: 1000 }, { ms: 2000, cost: 4 }, { ms: 3000 }]);
  expect(await estimateTask(deps, "Thot", "small")).toEqual({ ms: 2000, from: 3 });
});

test("The monthly spending is the sum of the totals that agents report, also when a report is repeated or corrected", async () => {
  const app = await createAgentTestApp({ config: { budget: { amount: 50, currency: "CHF" } } });
  app.addTask("Write it down", "Thot");
  app.addTask("Read it", "Imhotep");
  await app.runFirstPoll();
  for (const cost of [0.1, 0.3, 0.3, 100, 0.2]) await app.actAs("Thot").report("ONB-1", { cost });
  await app.actAs("Imhotep").report("ONB-2", { cost: 0.1 });
  const budget = { amount: 50, currency: "CHF" };
  expect(await readMonthlySpending(app.deps)).toEqual({
    month: "2026-11",
    cost: 0.3,
    sources: { agents: 0.3 },
    reported: 0.3,
    budget: { ...budget, stop: false },
  });
  // A Prometheus counter must never decrease.
  expect(await readAllSpending(app.store)).toContainEqual({ agent: "Thot", project: "ONB", ms: 0, cost: 100 });
});

test("The monthly spending starts over with each month in the settings' time zone and counts only the increase", async () => {
  const app = await createAgentTestApp({ setUpPlane: () => ({ TIMEZONE: "Pacific/Auckland" }) });
  app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  await app.actAs("Thot").report("ONB-1", { cost: 2 });
  app.advance(Date.parse("2026-11-30T11:00:00Z") - app.time.now);
  expect(await readMonthlySpending(app.deps)).toEqual({
    month: "2026-12",
    cost: 0,
    sources: { agents: 0 },
    reported: 0,
  });
  await app.actAs("Thot").claim("ONB-1");
  await app.actAs("Thot").report("ONB-1", { cost: 2.5 });
  expect(await readMonthlySpending(app.deps)).toEqual({
    month: "2026-12",
    cost: 0.5,
    sources: { agents: 0.5 },
    reported: 0.5,
  });
});

test("The monthly spending counts each report once when many agents report concurrently", async () => {
  const app = await createAgentTestApp();
  for (let i = 0; i < 10; i++) app.addTask(`Task ${i}`, "Thot");
  await app.runFirstPoll();
  await Promise.all(Array.from({ length: 10 }, (_, i) => app.actAs("Thot").report(`ONB-${i + 1}`, { cost: 1 })));
  expect((await readMonthlySpending(app.deps)).cost).toBe(10);
  expect(await readAllSpending(app.store)).toEqual([{ agent: "Thot", project: "ONB", ms: 0, cost: 10 }]);
});
