import { expect, test } from "vitest";
import { MINUTE } from "../../../../shared/time.ts";
import { createTestApp } from "../../../support/test-app.ts";
import { createObservedProject } from "./observed-project.ts";

/** Each test fails when its rule is removed from the code. */

test("rule 9: existing items cause no events: webhooks are held until a project's first complete read", async () => {
  const { app, plane } = await createObservedProject();
  const hidden = app.addProject("Second", "SEC");
  const old = plane.addItem(hidden, { name: "Old" });
  plane.archiveProject(hidden);
  await app.restart({ store: "lost" });
  app.advance(MINUTE);
  await app.runFirstPoll();
  plane.restoreProject(hidden);
  // The poll sees that the project is back and does not get to read it.
  const undo = plane.faults.add({ path: `${hidden.id}/work-items` }, { kind: "status", status: 503 });
  await expect(app.poll()).rejects.toThrow();
  plane.editItem(old, { name: "Renamed" });
  await app.deliverWebhooks();
  undo();
  await app.runUntilIdle();
  await app.poll();
  expect(app.takeEvents()).toEqual([]);
  plane.editItem(old, { state: "Done" });
  await app.deliverWebhooks();
  expect(app.takeEvents()).toEqual(["SEC-1 completed", "SEC project_completed"]);
});

test("rule 9: existing items cause no events: an item created during the first read is new", async () => {
  const app = await createTestApp();
  const project = app.addProject();
  app.plane.addItem(project, { name: "Old" });
  app.advance(MINUTE);
  app.plane.faults.beforeRequest(({ path }) => {
    if (!path.includes("work-items/?")) return;
    app.plane.faults.beforeRequest(undefined);
    app.advance(5_000);
    app.plane.addItem(project, { name: "New" });
  });
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-2 created"]);
});

test("rule 9: existing items cause no events: a project created since the start causes events, with all its items; one that becomes readable later does not", async () => {
  const { app, plane } = await createObservedProject();
  const born = app.addProject("Born", "BORN");
  plane.addItem(born, { name: "First" });
  app.dropWebhooks();
  await app.poll();
  expect(app.takeEvents()).toEqual(["BORN project_created", "BORN-1 created"]);
});
