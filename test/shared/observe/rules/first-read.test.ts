import { expect, test } from "vitest";
import { MINUTE } from "../../../../shared/time.ts";
import { createTestApp } from "../../../support/test-app.ts";
import { createObservedProject } from "./observed-project.ts";

/** Each test fails when its rule is taken out of the code: it says what would be lost or doubled then. */

test("rule 9: existing items cause no events: webhooks are held until a project's first complete read", async () => {
  const { crew, plane } = await createObservedProject();
  const hidden = crew.addProject("Second", "SEC");
  const old = plane.addItem(hidden, { name: "Old" });
  plane.archiveProject(hidden);
  await crew.restart({ store: "lost" });
  crew.advance(MINUTE);
  await crew.runFirstPoll();
  plane.restoreProject(hidden);
  // The poll sees that the project is back and does not get to read it.
  const undo = plane.faults.add({ path: `${hidden.id}/work-items` }, { kind: "status", status: 503 });
  await expect(crew.poll()).rejects.toThrow();
  plane.editItem(old, { name: "Renamed" });
  await crew.deliverWebhooks();
  undo();
  await crew.runUntilIdle();
  await crew.poll();
  expect(crew.takeEvents()).toEqual([]);
  plane.editItem(old, { state: "Done" });
  await crew.deliverWebhooks();
  expect(crew.takeEvents()).toEqual(["SEC-1 completed", "SEC project_completed"]);
});

test("rule 9: existing items cause no events: an item created during the first read is new", async () => {
  const crew = await createTestApp();
  const project = crew.addProject();
  crew.plane.addItem(project, { name: "Old" });
  crew.advance(MINUTE);
  crew.plane.faults.beforeRequest(({ path }) => {
    if (!path.includes("work-items/?")) return;
    crew.plane.faults.beforeRequest(undefined);
    crew.advance(5_000);
    crew.plane.addItem(project, { name: "New" });
  });
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-2 created"]);
});

test("rule 9: existing items cause no events: a project created since the start causes events, with all its items; one that becomes readable later does not", async () => {
  const { crew, plane } = await createObservedProject();
  const born = crew.addProject("Born", "BORN");
  plane.addItem(born, { name: "First" });
  crew.dropWebhooks();
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["BORN project_created", "BORN-1 created"]);
});
