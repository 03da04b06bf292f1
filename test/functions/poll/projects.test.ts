import { expect, test } from "vitest";
import { MINUTE } from "../../../shared/time.ts";
import { callPlane } from "../../support/plane-api.ts";
import { createTestApp } from "../../support/test-app.ts";

async function createTwoProjects() {
  const app = await createTestApp();
  const { plane } = app;
  const project = app.addProject();
  const other = app.addProject("Second", "SEC");
  const item = plane.addItem(project, { name: "Guide" });
  const blocker = plane.addItem(other, { name: "First" });
  plane.relate(item, blocker);
  await app.runFirstPoll(MINUTE);
  return { app, plane, project, other, item, blocker };
}

test("a deleted project causes one event, its items none, and other projects are still observed", async () => {
  const { app, plane, other, item } = await createTwoProjects();
  plane.deleteProject(other);
  await app.deliverWebhooks();
  for (let i = 0; i < 3; i += 1) {
    await app.pollUntilIdle();
    app.advance(5 * MINUTE);
  }
  plane.editItem(item, { name: "Manual" });
  await app.poll();
  expect(app.takeEvents()).toEqual(["SEC project_deleted", "ONB-1 renamed"]);
});

test("a project that the key cannot read causes no events; once it is readable again, the changes do", async () => {
  const { app, plane, other, item, blocker } = await createTwoProjects();
  const body = '{"detail":"You do not have permission to perform this action."}';
  // The list of projects still has the row; its items are refused. A webhook asks for a read in the meantime.
  const undo = plane.faults.add({ path: `projects/${other.id}/` }, { kind: "status", status: 403, body });
  plane.editItem(blocker, { name: "Renamed", assignees: [app.human] });
  plane.editItem(item, { name: "Manual" });
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-1 renamed"]);
  undo();
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual(["SEC-1 assigned ada", "SEC-1 renamed"]);
});

test("another workspace with the same store starts with a baseline: its existing items cause no notifications", async () => {
  const { app, plane } = await createTwoProjects();
  app.advance(60 * MINUTE);
  const other = plane.addWorkspace({ slug: "other", owner: app.human });
  const api = (path: string, json: object) => callPlane(plane.url, app.apiKey, "POST", `/other/${path}`, json);
  const project = await api("projects/", { name: "Theirs", identifier: "THE" });
  await api(`projects/${project.id}/work-items/`, { name: "Old" });
  if (app.settings.plane) app.settings.plane.workspace = other.slug;
  await app.restart();
  app.advance(MINUTE);
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  await api(`projects/${project.id}/work-items/`, { name: "New" });
  await app.poll();
  expect(app.takeEvents()).toEqual(["THE-2 created"]);
});

test("a project is completed once when its last open item is closed, and again after new work", async () => {
  const { app, plane, project, item } = await createTwoProjects();
  const next = plane.addItem(project, { name: "Next" });
  await app.poll();
  plane.editItem(item, { state: "Done" });
  await app.poll();
  plane.editItem(next, { state: "Cancelled" });
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-2 created", "ONB-1 completed", "ONB-2 cancelled", "ONB project_completed"]);
  plane.editItem(item, { description_html: "<p>Still done</p>" });
  await app.poll();
  const more = plane.addItem(project, { name: "More" });
  await app.poll();
  plane.deleteItem(more);
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-3 created", "ONB-3 removed", "ONB project_completed"]);
});
