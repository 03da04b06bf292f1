import { expect, test } from "vitest";
import { createWorkRules } from "../../../../functions/work/work-rules.ts";
import { expireClaims } from "../../../../shared/work/claim-maintenance/expire-claims.ts";
import { createStatusTestApp } from "./status-app.ts";

test("a status that a person changed meanwhile is respected even without a webhook", async () => {
  const { crew, item, setStatus: set } = await createStatusTestApp();
  await set({ status: "in_progress" });
  await crew.runUntilIdle();
  crew.plane.editItem(item, { state: "Cancelled" });
  crew.dropWebhooks();
  await expect(set({ status: "done", text: "Ready." })).rejects.toMatchObject({ code: "conflict" });
  expect(crew.readPlaneItem(item).state).toBe("Cancelled");
});

test("an agent loses a task that a person returns to todo in Plane, and is told at its next call", async () => {
  const {
    crew,
    item,
    setStatus: set,
  } = await createStatusTestApp({ parts: { ruleSets: ({ agents }) => [createWorkRules(agents)] } });
  await set({ status: "in_progress" });
  await crew.runUntilIdle();
  crew.plane.editItem(item, { state: "Todo" });
  await crew.poll();
  await expireClaims(crew.deps, "look");
  await expect(set({ status: "done", text: "Ready." })).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("the status of the task was changed in Plane"),
  });
  expect(crew.readPlaneItem(item).state).toBe("Todo");
});

test("a human moves any task without a claim, and its agent is told that it lost it", async () => {
  const { crew, item, setStatus: set } = await createStatusTestApp();
  await set({ status: "in_progress" });
  await crew.runUntilIdle();
  await set({ status: "todo" }, "Ada");
  await crew.runUntilIdle();
  expect(crew.readPlaneItem(item).state).toBe("Todo");
  await expect(set({ status: "done", text: "Ready." })).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("the status of the task was changed in Plane"),
  });
});

test("the Concierge cancels and blocks other agents' tasks, but does not start or finish them", async () => {
  const { setStatus: set } = await createStatusTestApp();
  await expect(set({ status: "in_progress" }, "Concierge")).rejects.toMatchObject({ code: "forbidden" });
  expect(await set({ status: "blocked", text: "Not yet." }, "Concierge")).toMatchObject({ word: "blocked" });
  expect(await set({ status: "cancelled" }, "Concierge")).toMatchObject({ word: "cancelled" });
});
