import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { estimateTask, type FinishedTask } from "../../../shared/accounting/history.ts";
import { workKeys, workSets } from "../../../shared/records/store-keys.ts";

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
  const withoutCosts = await createFinishedTasks([{ ms: 1000 }, { ms: 2000, cost: 4 }, { ms: 3000 }]);
  expect(await estimateTask(withoutCosts, "Thot", "small")).toEqual({ ms: 2000, from: 3 });
});

test("An estimate (OPENCLAW-11) reports too little history below three tasks", async () => {
  const deps = await createFinishedTasks([{ ms: 1000 }, { ms: 2000 }, { ms: 3000, size: "large" }]);
  expect(await estimateTask(deps, "Thot", "small")).toEqual({ from: 2 });
  expect(await estimateTask(deps, "Nobody", "small")).toEqual({ from: 0 });
});
