import { expect, test } from "vitest";
import { z } from "zod";
import { pollTick } from "../../../functions/poll/poll-tick.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createTestApp } from "../../support/test-app.ts";

async function createTwoProjects() {
  const crew = await createTestApp();
  const { plane } = crew;
  const project = crew.addProject();
  const other = crew.addProject("Second", "SEC");
  const item = plane.addItem(project, { name: "Guide" });
  const blocker = plane.addItem(other, { name: "First" });
  plane.relate(item, blocker);
  crew.advance(MINUTE);
  await crew.runFirstPoll();
  return { crew, plane, project, other, item, blocker };
}

test("a deleted project and its items cause no events, and other projects are still observed", async () => {
  const { crew, plane, other, item } = await createTwoProjects();
  plane.deleteProject(other);
  await crew.deliverWebhooks();
  for (let i = 0; i < 3; i += 1) {
    await crew.poll();
    await crew.runUntilIdle();
    crew.advance(5 * MINUTE);
  }
  expect(crew.takeEvents()).toEqual([]);
  plane.editItem(item, { name: "Manual" });
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-1 renamed"]);
});

test("a project that the key cannot read causes no events; once it is readable again, the changes do", async () => {
  const { crew, plane, other, item, blocker } = await createTwoProjects();
  const refused = {
    kind: "status",
    status: 403,
    body: '{"detail":"You do not have permission to perform this action."}',
  } as const;
  // The list of projects still has the row; its items are refused. A webhook asks for a read in the meantime.
  const undo = plane.faults.add({ path: `projects/${other.id}/` }, refused);
  plane.editItem(blocker, { name: "Renamed", assignees: [crew.human] });
  plane.editItem(item, { name: "Manual" });
  crew.dropWebhooks();
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-1 renamed"]);
  undo();
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual(["SEC-1 assigned ada", "SEC-1 renamed"]);
});

test("jobs for the items of an archived project wait until it is restored", async () => {
  const { crew, plane, project, item } = await createTwoProjects();
  plane.addComment(item, "<p>Words</p>");
  crew.dropWebhooks();
  await pollTick.run({ ...crew.deps, kick: () => {} });
  plane.archiveProject(project);
  await pollTick.run(crew.deps);
  await crew.drain();
  crew.advance(60 * MINUTE);
  await crew.drain();
  plane.restoreProject(project);
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual(['ONB-1 comment_added "Words"']);
});

test("a response that cannot be parsed fails the pass of its own project only", async () => {
  const { crew, plane, project, item, blocker } = await createTwoProjects();
  const odd = { kind: "status", status: 200, body: '{"results": "tomorrow"}' } as const;
  const undo = plane.faults.add({ path: `${project.id}/work-items` }, odd);
  plane.editItem(item, { name: "Manual" });
  plane.editItem(blocker, { name: "Second" });
  crew.dropWebhooks();
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["SEC-1 renamed"]);
  expect(crew.logged.filter(({ message }) => message === "project poll failed")).toHaveLength(1);
  undo();
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-1 renamed"]);
});

test("a revoked key ends the tick with an error, and the next tick with a key finds everything", async () => {
  const { crew, plane, item } = await createTwoProjects();
  plane.editItem(item, { state: "Done" });
  crew.dropWebhooks();
  const undo = plane.faults.add({}, { kind: "status", status: 403, body: '{"detail":"Given API token is not valid"}' });
  await expect(crew.poll()).rejects.toThrow("the API key or the session is not valid");
  undo();
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-1 completed", "ONB project_completed"]);
});

test("a blocker in an archived project neither blocks nor unblocks until the project is restored", async () => {
  const { crew, plane, other, item, blocker } = await createTwoProjects();
  plane.archiveProject(other);
  await crew.poll();
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
  expect((await crew.readItem(item))?.blockers).toEqual([blocker.id]);
  plane.restoreProject(other);
  plane.editItem(blocker, { state: "Done" });
  crew.dropWebhooks();
  await crew.poll();
  expect(crew.takeEvents().sort()).toEqual(["ONB-1 unblocked", "SEC project_completed", "SEC-1 completed"]);
});

test("a blocked item in an archived project causes no events until the project is restored, even if its blocker is deleted", async () => {
  const { crew, plane, project, item, blocker } = await createTwoProjects();
  plane.archiveProject(project);
  await crew.poll();
  plane.deleteItem(blocker);
  await crew.poll();
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["SEC-1 removed"]);
  plane.restoreProject(project);
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-1 unblocked"]);
  expect((await crew.readItem(item))?.blockers).toEqual([]);
});

test("another workspace with the same store starts with a baseline: its existing items cause no notifications", async () => {
  const { crew, plane } = await createTwoProjects();
  crew.advance(60 * MINUTE);
  const other = plane.addWorkspace({ slug: "other", owner: crew.human });
  const api = async (path: string, json: object) => {
    const answer = await fetch(`${plane.url}/api/v1/workspaces/other/${path}`, {
      method: "POST",
      headers: { "x-api-key": crew.apiKey, "content-type": "application/json" },
      body: JSON.stringify(json),
    });
    return z.object({ id: z.string() }).parse(await answer.json());
  };
  const project = await api("projects/", { name: "Theirs", identifier: "THE" });
  await api(`projects/${project.id}/work-items/`, { name: "Old" });
  if (crew.settings.plane) crew.settings.plane.workspace = other.slug;
  await crew.restart();
  crew.advance(MINUTE);
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
  await api(`projects/${project.id}/work-items/`, { name: "New" });
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["THE-2 created"]);
});

test("a project is completed once when its last open item is closed, and again after new work", async () => {
  const { crew, plane, project, item } = await createTwoProjects();
  const next = plane.addItem(project, { name: "Next" });
  await crew.poll();
  plane.editItem(item, { state: "Done" });
  await crew.poll();
  plane.editItem(next, { state: "Cancelled" });
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-2 created", "ONB-1 completed", "ONB-2 cancelled", "ONB project_completed"]);
  plane.editItem(item, { description_html: "<p>Still done</p>" });
  await crew.poll();
  const more = plane.addItem(project, { name: "More" });
  await crew.poll();
  plane.deleteItem(more);
  await crew.poll();
  expect(crew.takeEvents()).toEqual(["ONB-3 created", "ONB-3 removed", "ONB project_completed"]);
});

test("a project that was created and completed between two polls causes both events", async () => {
  const { crew, plane } = await createTwoProjects();
  const quick = plane.addProject({ name: "Quick", identifier: "QUI" });
  plane.addItem(quick, { name: "At once", state: "Done" });
  plane.deliveries.dropAll();
  await crew.poll();
  expect(crew.takeEvents().filter((event) => event.startsWith("QUI project"))).toEqual([
    "QUI project_created",
    "QUI project_completed",
  ]);
});
