import { expect, test } from "vitest";
import { createWakeSetup } from "./wake-setup.ts";

const HOUR = 3_600;

test("a task in Plane's Backlog wakes nobody until it leaves it, then within 10 s", async () => {
  const { app, advanceSeconds, takeRuns } = await createWakeSetup();
  const task = app.addTask("Later", "Imhotep", { state: "Backlog" });
  await app.deliverWebhooks();
  await app.poll();
  await advanceSeconds(HOUR);
  await app.poll();
  await advanceSeconds(10);
  expect(takeRuns()).toEqual([]);
  const todo = app.plane.states(app.onb).find(({ group }) => group === "unstarted");
  app.plane.editItem(task, { state: todo?.id ?? "" }, { by: app.human });
  await app.deliverWebhooks();
  await advanceSeconds(10);
  expect(takeRuns()).toEqual(["imhotep: ONB-1"]);
});

test("with wake_backlog a task in Plane's Backlog wakes its agent", async () => {
  const { app, advanceSeconds, takeRuns } = await createWakeSetup("2026.9.6", {}, undefined, {
    config: { wake_backlog: true },
  });
  app.addTask("Later", "Imhotep", { state: "Backlog" });
  await app.deliverWebhooks();
  await advanceSeconds(10);
  expect(takeRuns()).toEqual(["imhotep: ONB-1"]);
});

test("a task that the Concierge creates is not put into Backlog and wakes its agent", async () => {
  const { app, call, advanceSeconds, takeRuns } = await createWakeSetup();
  await call("Concierge", "create_task", { project: "ONB", title: "Write it", assignee: "Imhotep" });
  await advanceSeconds(10);
  expect(takeRuns()).toEqual(["imhotep: ONB-1"]);
  const [item] = app.plane.items(app.onb);
  expect(app.plane.states(app.onb).find(({ id }) => id === item?.state)?.name).toBe("Todo");
});
