import { expect, test } from "vitest";
import { createWorkRules } from "../../../../functions/work.ts";
import { expireClaims } from "../../../../shared/tasks/lifecycle/claim-upkeep.ts";
import { createStatusTestApp } from "./status-app.ts";

test("a status that a person changed meanwhile is respected even without a webhook", async () => {
  const { app, item, setStatus } = await createStatusTestApp();
  await setStatus({ status: "in_progress" });
  await app.runUntilIdle();
  app.plane.editItem(item, { state: "Cancelled" });
  app.dropWebhooks();
  await expect(setStatus({ status: "done", text: "Ready." })).rejects.toMatchObject({ code: "conflict" });
  expect(app.readPlaneItem(item).state).toBe("Cancelled");
});

test("an agent loses a task that a person returns to todo in Plane, and its next call is refused with the loss", async () => {
  const { app, item, setStatus } = await createStatusTestApp({
    parts: { ruleSets: ({ agents }) => [createWorkRules(agents)] },
  });
  await setStatus({ status: "in_progress" });
  await app.runUntilIdle();
  app.plane.editItem(item, { state: "Todo" });
  await app.poll();
  await expireClaims(app.deps, "look");
  await expect(setStatus({ status: "done", text: "Ready." })).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("the status of the task was changed in Plane"),
  });
  expect(app.readPlaneItem(item).state).toBe("Todo");
});

test("a human moves any task without a claim, and its agent's next call is refused with the loss", async () => {
  const { app, item, setStatus } = await createStatusTestApp();
  await setStatus({ status: "in_progress" });
  await app.runUntilIdle();
  await setStatus({ status: "todo" }, "Ada");
  await app.runUntilIdle();
  expect(app.readPlaneItem(item).state).toBe("Todo");
  await expect(setStatus({ status: "done", text: "Ready." })).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("the status of the task was changed in Plane"),
  });
});

test("the Concierge cancels and blocks other agents' tasks, but does not start or finish them", async () => {
  const { setStatus } = await createStatusTestApp();
  await expect(setStatus({ status: "in_progress" }, "Concierge")).rejects.toMatchObject({ code: "forbidden" });
  expect(await setStatus({ status: "blocked", text: "Not yet." }, "Concierge")).toMatchObject({ status: "blocked" });
  expect(await setStatus({ status: "cancelled" }, "Concierge")).toMatchObject({ status: "cancelled" });
});
