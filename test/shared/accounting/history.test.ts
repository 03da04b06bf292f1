import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import {
  estimateTask,
  type FinishedTask,
  getTaskSize,
  readAgentPace,
  readFinishedTasks,
} from "../../../shared/accounting/history.ts";
import { workKeys, workSets } from "../../../shared/records/store-keys.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

test("An agent's history (OPENCLAW-11) contains the time, cost, confidence, size and project of each finished task", async () => {
  const app = await createAgentTestApp();
  app.addTask("Write it down", "Thot", { description_html: "<p>Size: L</p>" });
  await app.runFirstPoll();
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

const COSTLY = [
  { ms: 1000, cost: 1 },
  { ms: 9000, cost: 5 },
  { ms: 2000, cost: 2 },
  { ms: 4000, cost: 3 },
];
const OTHERS = [
  { ms: 1, cost: 100, size: "large" },
  { ms: 1, cost: 100, agent: "Imhotep" },
] as const;

test.each<[string, Partial<FinishedTask>[], object]>([
  [
    "is the median of the agent's own finished tasks of this size",
    [...COSTLY, ...OTHERS],
    { ms: 3000, cost: 2.5, from: 4 },
  ],
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
