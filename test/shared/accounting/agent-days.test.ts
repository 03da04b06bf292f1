import { expect, test } from "vitest";
import { readAgentDays } from "../../../shared/accounting/history.ts";
import { DAY, MINUTE } from "../../../shared/time.ts";
import { type AgentTestApp, createAgentTestApp } from "../../support/agent-test-app.ts";

const ZERO = { tasks: 0, ms: 0, cost: 0 };

async function createAppWithTasks(timezone: string, titles = ["Write it down", "Read it"]) {
  const app = await createAgentTestApp({ setUpPlane: () => ({ TIMEZONE: timezone }) });
  for (const title of titles) app.addTask(title, "Thot");
  await app.runFirstPoll();
  return app;
}

function moveTo(app: AgentTestApp, time: string) {
  app.advance(Date.parse(time) - app.time.now);
}

async function work(app: AgentTestApp, key: string, ms: number) {
  for (let left = ms; left > 0; left -= 10 * MINUTE) {
    app.advance(Math.min(left, 10 * MINUTE));
    await app.actAs("Thot").report(key, {});
  }
}

async function finish(app: AgentTestApp, key: string, report: { confidence: number; cost: number }) {
  await app.actAs("Thot").setStatus(key, { status: "done", text: "Done", ...report });
  await app.runUntilIdle();
}

test("The figures of an agent by day contain the tasks finished, the time, the cost and the mean confidence", async () => {
  const app = await createAppWithTasks("UTC");
  let ms = 0;
  for (const [key, confidence] of [
    ["ONB-1", 0.8],
    ["ONB-2", 0.95],
  ] as const) {
    await app.actAs("Thot").setStatus(key, { status: "in_progress" });
    await work(app, key, 20 * MINUTE);
    const { spent } = await app.actAs("Thot").stopTimer(key);
    expect(spent).toBeGreaterThanOrEqual(20 * MINUTE);
    ms += spent;
    await finish(app, key, { confidence, cost: 1.1 });
  }
  expect(await readAgentDays(app.deps, "Thot", 3)).toEqual([
    { day: "2026-11-19", ...ZERO },
    { day: "2026-11-20", ...ZERO },
    { day: "2026-11-21", tasks: 2, ms, cost: 2.2, confidence: 0.88 },
  ]);
  expect(await readAgentDays(app.deps, "Imhotep", 1)).toEqual([{ day: "2026-11-21", ...ZERO }]);
});

test("The time of an agent by day is split at midnight in the settings' time zone, also while the timer runs", async () => {
  const app = await createAppWithTasks("Pacific/Auckland");
  moveTo(app, "2026-11-22T10:30:00Z");
  await app.actAs("Thot").startTimer("ONB-1");
  await work(app, "ONB-1", 50 * MINUTE);
  const split = [
    { day: "2026-11-22", ...ZERO, ms: 30 * MINUTE },
    { day: "2026-11-23", ...ZERO, ms: 20 * MINUTE },
  ];
  expect(await readAgentDays(app.deps, "Thot", 2)).toEqual(split);
  await app.actAs("Thot").stopTimer("ONB-1");
  app.advance(5 * MINUTE);
  expect(await readAgentDays(app.deps, "Thot", 2)).toEqual(split);
});

test("The cost of an agent by day is the difference that was reported that day, also after a correction", async () => {
  const app = await createAppWithTasks("UTC");
  await app.actAs("Thot").report("ONB-1", { cost: 2 });
  await app.actAs("Thot").report("ONB-2", { cost: 5 });
  await app.actAs("Thot").report("ONB-2", { cost: 1 });
  app.advance(DAY);
  await expect(app.actAs("Thot").report("ONB-1", { cost: 2.5 })).rejects.toThrow("expired");
  await app.actAs("Thot").report("ONB-1", { cost: 2.5 });
  const days = await readAgentDays(app.deps, "Thot", 2);
  expect(days.map(({ cost }) => cost)).toEqual([3, 0.5]);
});

test("A task that is finished again counts on the later day only", async () => {
  const app = await createAppWithTasks("UTC");
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  await finish(app, "ONB-1", { confidence: 0.9, cost: 1 });
  const item = app.plane.items(app.onb).find(({ sequence_id }) => sequence_id === 1);
  if (item) app.plane.editItem(item, { state: "Todo" });
  app.advance(DAY);
  await app.poll();
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  await finish(app, "ONB-1", { confidence: 0.7, cost: 1 });
  const days = await readAgentDays(app.deps, "Thot", 2);
  expect(days.map(({ tasks, confidence }) => [tasks, confidence])).toEqual([
    [0, undefined],
    [1, 0.7],
  ]);
});
