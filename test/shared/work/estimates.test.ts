import { describe, expect, it } from "vitest";
import { memoryStore } from "../../../shared/store/memory.ts";
import { estimateFor } from "../../../shared/work/estimates.ts";
import type { Finished } from "../../../shared/work/history.ts";
import { workKeys, workSets } from "../../../shared/work/keys.ts";
import { allSpent, spentThisMonth } from "../../../shared/work/spent.ts";
import { createWorkCrew } from "../../work-crew.ts";

async function past(tasks: Partial<Finished>[]) {
  const store = memoryStore({ clock: () => 0 });
  for (const [i, task] of tasks.entries()) {
    const value = { task: `ONB-${i}`, agent: "Thot", project: "ONB", size: "small", at: 0, ...task };
    await store.commit({ put: [{ key: workKeys.finished(`${i}`), value, sets: [workSets.finishedBy(value.agent)] }] });
  }
  return { store };
}

describe("An estimate (OPENCLAW-11)", () => {
  it("is the median of the agent's own finished tasks of this size", async () => {
    const deps = await past([
      { ms: 1000, cost: 1 },
      { ms: 9000, cost: 5 },
      { ms: 2000, cost: 2 },
      { ms: 4000, cost: 3 },
      { ms: 1, cost: 100, size: "large" },
      { ms: 1, cost: 100, agent: "Imhotep" },
    ]);
    expect(await estimateFor(deps, "Thot", "small")).toEqual({ ms: 3000, cost: 2.5, from: 4 });
  });

  it("says there is too little to tell below three tasks", async () => {
    const deps = await past([{ ms: 1000 }, { ms: 2000 }, { ms: 3000, size: "large" }]);
    expect(await estimateFor(deps, "Thot", "small")).toEqual({ too_little: true, from: 2 });
    expect(await estimateFor(deps, "Nobody", "small")).toEqual({ too_little: true, from: 0 });
  });

  it("tells the time where only that is known", async () => {
    const deps = await past([{ ms: 1000 }, { ms: 2000, cost: 4 }, { ms: 3000 }]);
    expect(await estimateFor(deps, "Thot", "small")).toEqual({ ms: 2000, from: 3 });
  });
});

describe("What was spent, beside the budget", () => {
  it("is what agents report as their total, whatever is reported again or mended", async () => {
    const crew = await createWorkCrew({ config: { budget: { amount: 50, currency: "CHF" } } });
    crew.task("Write it down", "Thot");
    crew.task("Read it", "Imhotep");
    await crew.begin();
    for (const cost of [0.1, 0.3, 0.3, 100, 0.2]) await crew.work("Thot").report("ONB-1", { cost });
    await crew.work("Imhotep").report("ONB-2", { cost: 0.1 });
    const budget = { amount: 50, currency: "CHF" };
    expect(await spentThisMonth(crew.deps)).toEqual({ month: "2026-11", cost: 0.3, budget });
    // A counter for Prometheus never falls.
    expect(await allSpent(crew.store)).toContainEqual({ agent: "Thot", project: "ONB", ms: 0, cost: 100 });
  });

  it("begins anew with the month of the settings' time zone, and only what is more counts then", async () => {
    const crew = await createWorkCrew({ staff: () => ({ TIMEZONE: "Pacific/Auckland" }) });
    crew.task("Write it down", "Thot");
    await crew.begin();
    await crew.work("Thot").report("ONB-1", { cost: 2 });
    crew.pass(Date.parse("2026-11-30T11:00:00Z") - crew.time.now);
    expect(await spentThisMonth(crew.deps)).toEqual({ month: "2026-12", cost: 0 });
    await crew.work("Thot").claim("ONB-1");
    await crew.work("Thot").report("ONB-1", { cost: 2.5 });
    expect(await spentThisMonth(crew.deps)).toEqual({ month: "2026-12", cost: 0.5 });
  });

  it("is counted once when many report side by side", async () => {
    const crew = await createWorkCrew();
    for (let i = 0; i < 10; i++) crew.task(`Task ${i}`, "Thot");
    await crew.begin();
    await Promise.all(Array.from({ length: 10 }, (_, i) => crew.work("Thot").report(`ONB-${i + 1}`, { cost: 1 })));
    expect((await spentThisMonth(crew.deps)).cost).toBe(10);
    expect(await allSpent(crew.store)).toEqual([{ agent: "Thot", project: "ONB", ms: 0, cost: 10 }]);
  });
});
