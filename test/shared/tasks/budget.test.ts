import { expect, test } from "vitest";
import { figuresTick } from "../../../functions/maintenance-ticks.ts";
import { workKeys } from "../../../shared/records/store-keys.ts";
import type { Budget } from "../../../shared/tasks/forecast.ts";
import { DAY } from "../../../shared/time.ts";
import { toPlainText } from "../../functions/telegram/commands/commands-app.ts";
import { createLiveMessagesApp, type LiveMessagesApp } from "../../functions/telegram/live-messages-app.ts";

const config = (amount: number) => ({ budget: { amount, currency: "EUR" } });

async function createBudgetApp(amount = 50) {
  const app = await createLiveMessagesApp({ config: config(amount) });
  await app.startTask("Thot", "Write the mail");
  return app;
}

/** Runs the tick several times, as minutes pass, and returns all notices so far. */
async function readNotices(app: LiveMessagesApp): Promise<string[]> {
  for (let i = 0; i < 3; i++) {
    await figuresTick.run(app.deps);
    await app.advanceAndDrain(2_000);
  }
  return app
    .getBotMessages()
    .map((message) => toPlainText(message))
    .filter((text) => text.includes("of the budget for"));
}

const report = (app: LiveMessagesApp, cost: number) => app.actAs("Thot").report("ONB-1", { cost });

test("A notice is sent once when 80 % of the month's budget are reached and once at 100 %, also over a restart", async () => {
  const app = await createBudgetApp();
  await report(app, 39);
  expect(await readNotices(app)).toEqual([]);
  await report(app, 41);
  const first = await readNotices(app);
  expect(first).toEqual([
    "💶 80% of the budget for November reached: €41.00 spent + €0.00 estimated for open tasks, of €50.00 (82%), cost of 1 open task unknown, €41.00 of it as reported by agents.",
  ]);
  await app.restart();
  await report(app, 10);
  expect(await readNotices(app)).toHaveLength(1);
  await report(app, 45);
  expect(await readNotices(app)).toHaveLength(1);
  await report(app, 50);
  const second = await readNotices(app);
  expect(second).toHaveLength(2);
  expect(second[1]).toContain("100% of the budget for November reached: €50.00 spent");
});

test("Both thresholds reached at once send one notice, and the next month starts over", async () => {
  const app = await createBudgetApp();
  await report(app, 60);
  expect(await readNotices(app)).toEqual([expect.stringContaining("100% of the budget for November")]);
  app.advance(10 * DAY);
  await expect(report(app, 60)).rejects.toThrow("expired");
  expect(await readNotices(app)).toHaveLength(1);
  await report(app, 105);
  expect(await readNotices(app)).toEqual([
    expect.stringContaining("for November"),
    expect.stringContaining("80% of the budget for December reached: €45.00 spent"),
  ]);
});

test("A higher budget is notified again when it is reached, a lower one is not, and processes with different settings send nothing twice", async () => {
  const app = await createBudgetApp();
  await report(app, 42);
  expect(await readNotices(app)).toHaveLength(1);
  await app.restart({ config: config(45) });
  expect(await readNotices(app)).toHaveLength(1);
  for (let i = 0; i < 2; i++) {
    await app.restart({ config: config(100) });
    expect(await readNotices(app)).toHaveLength(1);
    await app.restart({ config: config(50) });
    expect(await readNotices(app)).toHaveLength(1);
  }
  await app.restart({ config: config(100) });
  await report(app, 85);
  expect(await readNotices(app)).toEqual([
    expect.stringContaining("of €50.00 (84%)"),
    expect.stringContaining("of €100.00 (85%)"),
  ]);
});

test("Open estimates count toward the thresholds, and a source of spending without costs is not shown", async () => {
  const app = await createLiveMessagesApp({ config: config(10) });
  await app.actAs("Concierge").create({ project: "ONB", title: "Write", assignee: "Thot", estimate: { cost: 8.5 } });
  expect(await readNotices(app)).toEqual([
    expect.stringContaining("80% of the budget for November reached: €0.00 spent + €8.50 estimated"),
  ]);
  const [stored] = await app.store.read<Budget>([workKeys.budget]);
  expect(stored?.value.sources).toEqual({ agents: 0 });
  await app.restart({ config: {} });
  await figuresTick.run(app.deps);
  expect(await app.store.read([workKeys.budget])).toEqual([undefined]);
});
