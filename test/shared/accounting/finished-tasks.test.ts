import { expect, test } from "vitest";
import { getTaskSize, readAgentPace, readFinishedTasks } from "../../../shared/accounting/history.ts";
import { findTask } from "../../../shared/tasks/find-task.ts";
import { recordFinishedTask } from "../../../shared/tasks/forecast.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

test("An agent's history (OPENCLAW-11) contains the time, cost, confidence, size and project of each finished task", async () => {
  const app = await createAgentTestApp();
  app.addTask("Write it down", "Thot", { description_html: "<p>Size: L</p>" });
  await app.runFirstPoll();
  await app.actAs("Thot").startTimer("ONB-1");
  app.advance(600_000);
  await app.actAs("Thot").report("ONB-1", { cost: 1.5, confidence: 0.9 });
  const task = await findTask(app.createContext("Thot"), "ONB-1");
  for (let i = 0; i < 2; i++) await recordFinishedTask(app.deps, task, "Thot");
  expect(await readFinishedTasks(app.deps, "Thot")).toEqual([
    {
      task: "ONB-1",
      agent: "Thot",
      project: "ONB",
      size: "large",
      at: app.time.now,
      ms: 600_000,
      cost: 1.5,
      confidence: 0.9,
    },
  ]);
  expect(await readAgentPace(app.deps, "Thot")).toEqual({ finished: 1, ms: 600_000, cost: 1.5, confidence: 0.9 });
});

test("The size of a task is the one that its description names, or depends on the length of the description", () => {
  expect(getTaskSize({ description: "<ul><li>Done when: it is</li><li><b>Size:</b> medium</li></ul>" })).toBe("medium");
  expect(getTaskSize({ description: `Size: s. ${"x ".repeat(2000)}` })).toBe("small");
  expect(getTaskSize({ description: "The size: unknown" })).toBe("small");
  expect(getTaskSize({ description: "" })).toBe("small");
  expect(getTaskSize({ description: `<p>${"word ".repeat(100)}</p>` })).toBe("medium");
  expect(getTaskSize({ description: `<p>${"word ".repeat(400)}</p>` })).toBe("large");
});
