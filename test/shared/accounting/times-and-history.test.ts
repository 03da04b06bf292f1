import { expect, test } from "vitest";
import { createTaskOperations } from "../../../functions/agent/tool.ts";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import {
  estimateTask,
  type FinishedTask,
  getTaskSize,
  readAgentDays,
  readAgentPace,
  readFinishedTasks,
} from "../../../shared/accounting/history.ts";
import { readAllSpending } from "../../../shared/accounting/spending.ts";
import { readTaskTimes } from "../../../shared/accounting/time-entries.ts";
import { workKeys, workSets } from "../../../shared/records/store-keys.ts";
import { expireClaims } from "../../../shared/tasks/lifecycle/claim-upkeep.ts";
import { HOUR, MINUTE } from "../../../shared/time.ts";
import { pickSize } from "../../reliability/random-source.ts";
import { createAgentTaskApp, WORK_RULES } from "../../support/agent-test-app.ts";
import { answerQuestion } from "../../support/answer-request.ts";
import { crashAfterChange } from "../../support/crash-after-change.ts";

async function createAppWithTask() {
  const { app, item } = await createAgentTaskApp(["Thot", "Imhotep"], { parts: WORK_RULES });
  await expireClaims(app.deps, "test");
  /** Every number of the time spent on the task, and the entries, which must never overlap. */
  async function readTimes() {
    const times = await readTaskTimes(app.deps, item.id);
    const ends = times.entries.map(({ to }) => to ?? Number.POSITIVE_INFINITY);
    expect(times.entries.every(({ from }, i) => i === 0 || from >= (ends[i - 1] ?? 0))).toBe(true);
    expect(times.running.length).toBeLessThanOrEqual(1);
    return times;
  }
  return {
    ...{ app, item, readTimes },
    readSpent: async () => (await readTimes()).spent,
    /** Minutes pass with their ticks; `calls` renew Thot's claim every ten minutes. */
    async pass(minutes: number, calls = true) {
      for (let minute = 1; minute <= minutes; minute++) {
        app.advance(MINUTE);
        if (calls && minute % 10 === 0) await app.actAs("Thot").report("ONB-1", {});
        await expireClaims(app.deps, "test");
      }
    },
    start: () => app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" }),
    finish: () => app.actAs("Thot").setStatus("ONB-1", { status: "done", text: "Done", confidence: 1 }),
  };
}

test("The timer runs by itself while the task is in progress and held, also while Groundcrew is down, and a finished task has its whole time", async () => {
  const { app, readTimes, readSpent, pass, start, finish } = await createAppWithTask();
  await app.actAs("Thot").claim("ONB-1");
  await pass(3);
  expect(await readSpent()).toBe(0);
  await start();
  const { spent: before, running } = await readTimes();
  expect(running).toHaveLength(1);
  await pass(20);
  app.advance(HOUR);
  await app.restart();
  await pass(1);
  expect(await readSpent()).toBeGreaterThanOrEqual(before + 60 * MINUTE);
  await finish();
  const { spent, entries, running: after } = await readTimes();
  expect([after, entries.length]).toEqual([[], 1]);
  await app.runUntilIdle();
  app.advance(HOUR);
  expect(await readSpent()).toBe(spent);
  expect(await readAllSpending(app.store)).toEqual([{ agent: "Thot", project: "ONB", ms: spent, cost: 0 }]);
});

test("The timer stops while the agent waits for a human's answer, at the times of question and answer", async () => {
  const { app, readTimes, readSpent, pass, start } = await createAppWithTask();
  await start();
  await pass(5);
  const question = await app.actAs("Thot").ask("ONB-1", { text: "Formal?", choices: [], urgency: "normal" });
  const { spent, running } = await readTimes();
  expect(running).toEqual([]);
  await pass(60, false);
  expect(await readSpent()).toBe(spent);
  await answerQuestion(app.deps, question.id, { text: "Yes", by: "Ada" });
  app.advance(4 * MINUTE);
  expect(await readSpent()).toBe(spent + 4 * MINUTE);
});

/** The changes of the store and of Plane after which the process is killed; more than the calls below make. */
const MAX_CHANGES = 40;

test.each(["in_progress", "done"] as const)("A kill at any step of setting %s leaves one timer", async (status) => {
  let nth = pickSize(1, 2);
  for (; nth <= MAX_CHANGES; nth += pickSize(1, 5)) {
    const { app, readTimes, start, finish } = await createAppWithTask();
    if (status === "done") await start();
    app.advance(5 * MINUTE);
    const process = crashAfterChange(app.deps, nth);
    const change = { status, text: "Done", confidence: 1, cost: 2 };
    const work = createTaskOperations(process.deps, app.getCaller("Thot"));
    const outcome = await process.orCrash(work.setStatus("ONB-1", change));
    await app.restart();
    await app.actAs("Thot").setStatus("ONB-1", change);
    await app.runUntilIdle();
    await expireClaims(app.deps, "test");
    const label = `killed at change ${nth}`;
    if (status === "in_progress") {
      expect((await readTimes()).running, label).toHaveLength(1);
      await finish();
    }
    const { spent, running, entries } = await readTimes();
    expect([running, entries.length], label).toEqual([[], 1]);
    const [total] = await readAllSpending(app.store);
    const [day] = await readAgentDays(app.deps, "Thot", 1);
    expect([total?.ms, day?.ms], label).toEqual([spent, spent]);
    if (outcome !== "over") break;
  }
  expect(nth).toBeGreaterThan(4);
  expect(nth).toBeLessThan(MAX_CHANGES);
});

test("An agent's history (OPENCLAW-11) contains the time, cost, confidence, size and project of each finished task", async () => {
  const { app } = await createAgentTaskApp("Thot", {}, { description_html: "<p>Size: L</p>" });
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  app.advance(600_000);
  const done = { status: "done", text: "Written.", cost: 1.5, confidence: 0.9 } as const;
  for (let i = 0; i < 2; i++) await app.actAs("Thot").setStatus("ONB-1", done);
  await app.runUntilIdle();
  const ms = expect.toSatisfy((spent: number) => spent >= 600_000 && spent < 605_000);
  const figures = { ms, cost: 1.5, confidence: 0.9 };
  const task = { task: "ONB-1", agent: "Thot", project: "ONB", size: "large", at: expect.any(Number) };
  expect(await readFinishedTasks(app.deps, "Thot")).toEqual([{ ...task, ...figures }]);
  expect(await readAgentPace(app.deps, "Thot")).toEqual({ finished: 1, ...figures });
});

test("The size of a task is the one that its description names, or depends on its length", () => {
  const descriptions = ["<ul><li><b>Size:</b> medium</li></ul>", `Size: s. ${"x ".repeat(2000)}`, "The size: unknown"];
  const long = [100, 400].map((words) => `<p>${"word ".repeat(words)}</p>`);
  const sizes = [...descriptions, ...long].map((description) => getTaskSize({ description }));
  expect(sizes).toEqual(["medium", "small", "small", "medium", "large"]);
});

const COSTLY = [1, 5, 2, 3].map((cost) => ({ ms: cost * 1000, cost }));
const OTHERS = [{ size: "large" }, { agent: "Imhotep" }].map((other) => ({ ms: 1, cost: 100, ...other }));

test.each<[string, Partial<FinishedTask>[], object]>([
  ["is the median of the agent's own tasks of this size", [...COSTLY, ...OTHERS], { ms: 2500, cost: 2.5, from: 4 }],
  ["has no cost when few are known", [{ ms: 1000 }, { ms: 2000, cost: 4 }, { ms: 3000 }], { ms: 2000, from: 3 }],
  ["says when there is too little history", [{ ms: 1000 }, { ms: 2000 }, { ms: 3000, size: "large" }], { from: 2 }],
])("An estimate (OPENCLAW-11) %s", async (_, tasks, estimate) => {
  const store = createMemoryStore({ clock: () => 0 });
  for (const [i, task] of tasks.entries()) {
    const value = { task: `ONB-${i}`, agent: "Thot", project: "ONB", size: "small", at: 0, ...task };
    await store.commit({ put: [{ key: workKeys.finished(`${i}`), value, sets: [workSets.finishedBy(value.agent)] }] });
  }
  expect(await estimateTask({ store }, "Thot", "small")).toEqual(estimate);
});
