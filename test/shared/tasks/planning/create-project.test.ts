import { describe, expect, test } from "vitest";
import { findProject } from "../../../../shared/tasks/find-task.ts";
import {
  createProject as createProjectAs,
  suggestProjectIdentifier,
} from "../../../../shared/tasks/planning/create-project.ts";
import { readPlanRuns } from "../../../../shared/tasks/task-counts.ts";
import { submitWish } from "../../../../shared/tasks/wishes.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";

const ONLY_CYCLES_AND_MODULES = {
  ...{ cycle_view: true, module_view: true },
  ...{ issue_views_view: false, page_view: false, intake_view: false },
};

async function createProjectApp(version: "1.3.1" | "1.2.2" = "1.3.1", options = {}) {
  const app = await createAgentTestApp({ version, config: { plan: { approve: false } }, ...options });
  app.advance(60_000);
  await app.runFirstPoll();
  app.takeEvents();
  const projects = () =>
    [...app.plane.ledger.requests].filter(({ method, path }) => method === "POST" && /projects\/$/.test(path));
  const createProject = (newProject: { name: string; identifier?: string; description?: string }) => {
    app.advance(20_000);
    return createProjectAs(app.createContext("Concierge"), newProject);
  };
  const features = (id: string | undefined) => app.plane.projects().find((project) => project.id === id);
  return { app, plane: app.plane, projects, createProject, features };
}

describe.each(["1.3.1", "1.2.2"] as const)("OPENCLAW-08 on Plane %s", (version) => {
  test("PROV-04 a project is created with its states and members, with cycles and modules only, and polled at once", async () => {
    const { app, plane, createProject, features } = await createProjectApp(version);
    const project = await createProject({ name: "Website relaunch" });
    expect(project).toMatchObject({ name: "Website relaunch", identifier: "WR", cycles: true });
    expect(features(project.id), "PROV-04").toMatchObject(ONLY_CYCLES_AND_MODULES);
    expect(plane.states(project.id).map(({ name }) => name)).toContain("Blocked");
    await app.runUntilIdle();
    expect(app.takeEvents()).toContain("WR project_created");
    const answer = await app.actAs("Concierge").create({ project: "WR", title: "Page", assignee: "Thot" });
    expect(answer.key).toBe("WR-1");
    const [page] = plane.items(project.id);
    expect(page && app.readPlaneItem(page)).toMatchObject({
      assignees: ["Thot"],
      created_by: app.getUser("Concierge").id,
    });
    expect(await findProject(app.deps, "WR")).toMatchObject({ baseline: true, member: true });
  });
});

test("without the setting people, all members and admins of the workspace are members of a created project, guests are not, and who was removed stays so", async () => {
  const { app, plane, createProject, projects } = await createProjectApp();
  const bob = plane.addUser({ name: "Bob" });
  plane.addUser({ name: "Guest", role: 5 });
  const { id } = await createProject({ name: "Website" });
  const agents = ["concierge@javisi.local.test 20", "imhotep@javisi.local.test 15", "thot@javisi.local.test 15"];
  const members = [`${app.human.email} 20`, `${bob.email} 15`, ...agents].sort();
  expect(plane.projectMembers(id)).toEqual(members);
  plane.removeProjectMember(id, bob.email);
  plane.ledger.clear();
  await createProject({ name: "Website" });
  expect(plane.ledger.requests.filter(({ method }) => method !== "GET")).toEqual([]);
  expect(projects()).toEqual([]);
});

test("with the setting people, those it names for a created project are added with their role in the workspace", async () => {
  const people = [
    { email: "BOB@example.test" },
    { email: "eve@example.test", projects: ["OPS"] },
    { email: "guest@example.test", projects: ["ops", "webs"] },
    { email: "gone@example.test" },
  ];
  const { app, plane, createProject } = await createProjectApp("1.3.1", { config: { people } });
  for (const name of ["Bob", "Eve", "Zoe"]) plane.addUser({ name, email: `${name.toLowerCase()}@example.test` });
  plane.addUser({ name: "Guest", email: "guest@example.test", role: 5 });
  const { id } = await createProject({ name: "Website" });
  const members = plane.projectMembers(id).filter((line) => line.includes("@example.test"));
  expect(members).toEqual(["bob@example.test 15", "guest@example.test 5"]);
  expect(app.logged).toContainEqual(
    expect.objectContaining({ message: "people are not in the workspace", people: ["gone@example.test"] }),
  );
});

test("the project for a wish is also its author's, whatever projects the setting people restricts them to", async () => {
  const people = [
    { email: "bob@example.test", telegram: 7, projects: ["OPS"] },
    { email: "eve@example.test", telegram: 8, projects: ["OPS"] },
  ];
  const config = { people, plan: { approve: false } };
  const { app, plane, createProject } = await createProjectApp("1.3.1", { config });
  for (const { email } of people) plane.addUser({ name: email.slice(0, 3), email });
  const wish = { update: "1", text: "A website", by: "Bob", user: 7, isFreeText: false };
  await submitWish(app.deps, "Concierge", wish);
  await app.actAs("Concierge").plan({ project: "Website", tasks: [{ id: "1", title: "Page" }] });
  await app.runUntilIdle();
  const planned = plane.projects().find(({ name }) => name === "Website");
  expect(plane.projectMembers(planned?.id ?? "").join()).toContain("bob@example.test 15");
  expect(plane.projectMembers(planned?.id ?? "").join()).not.toContain("eve@");
  await submitWish(app.deps, "Concierge", { ...wish, update: "2", by: "Eve", user: 8 });
  const { id } = await createProject({ name: "Shop" });
  expect(plane.projectMembers(id).join()).toContain("eve@example.test 15");
  expect(plane.projectMembers(id).join()).not.toContain("bob@");
});

test("the name of another project is refused, and one that Plane does not accept before anything is sent, with a suggestion", async () => {
  const { plane, createProject, projects } = await createProjectApp();
  await expect(createProject({ name: "Onboarding" })).rejects.toThrow(
    'The project "Onboarding" (ONB) exists and was not created by Groundcrew',
  );
  await expect(createProject({ name: "Web", identifier: "onb" })).rejects.toThrow("has the identifier ONB");
  plane.ledger.clear();
  await expect(createProject({ name: "R&D (2026)" })).rejects.toThrow('(& ( )). Use "R D 2026"');
  await expect(createProject({ name: "Web", identifier: "W-1" })).rejects.toThrow('"W-1" is not a valid identifier');
  expect(projects()).toEqual([]);
});

test("a project that people created by hand after create_project failed is used unchanged", async () => {
  const { app, plane, createProject } = await createProjectApp();
  plane.faults.add({ method: "POST", path: /projects\/$/ }, { kind: "status", status: 503 }, 4);
  await expect(createProject({ name: "Website" })).rejects.toMatchObject({ code: "unavailable" });
  const members = [app.human, app.getUser("Concierge")];
  const { id } = plane.addProject({ name: "Website", identifier: "WEB", members });
  await app.poll();
  await app.addWish();
  await app.runUntilIdle();
  const plan = () => app.actAs("Concierge").plan({ project: "Website", tasks: [{ id: "1", title: "Page" }] });
  await plan();
  await app.runUntilIdle();
  const [failed] = await readPlanRuns(app.deps);
  expect(failed?.reason).toContain("was not created by Groundcrew. Use it as it is");
  await plan();
  await app.runUntilIdle();
  expect(await plan()).toMatchObject({ project: "WEB", done: ["WEB-1"], remaining: 0 });
  expect(plane.items(id)).toHaveLength(1);
});

test("a project name is created once without invisible characters and those no database stores", async () => {
  const { app, plane, createProject, projects } = await createProjectApp();
  const newProject = { name: "\u202eWeb\0site\ud800\n 2\u001f", description: "First\0 line\ud800\nsecond" };
  const { id, name } = await createProject(newProject);
  expect(name).toBe("Web site\ufffd 2");
  app.advance(700_000);
  expect((await createProject(newProject)).id).toBe(id);
  expect(projects()).toHaveLength(1);
  const tasks = [{ id: "1", title: "Page" }];
  await app.addWish();
  await app.actAs("Concierge").plan({ project: newProject.name, tasks });
  await app.runUntilIdle();
  expect(plane.items(id)).toHaveLength(1);
  await expect(createProject({ name: "\u200b\u202e" })).rejects.toThrow("The project's name is empty.");
});

test("a project outside PLANE_PROJECTS is not created", async () => {
  const { createProject, projects } = await createProjectApp("1.3.1", { projects: ["ONB"] });
  await expect(createProject({ name: "Web" })).rejects.toThrow(
    "Groundcrew uses only the projects ONB (PLANE_PROJECTS)",
  );
  expect(projects()).toEqual([]);
});

test("a project identifier is derived from the name", () => {
  const names = { Website: "WEBS", "Website relaunch": "WR", "Élan vital pour tous": "EVPT", 東京: "PROJ", X: "X" };
  for (const [name, identifier] of Object.entries({ ...names, "a b c d e f g h i j k l m n": "ABCDEFGH" })) {
    expect(suggestProjectIdentifier(name, new Set())).toBe(identifier);
    expect(suggestProjectIdentifier(name, new Set([identifier, `${identifier}2`]))).toBe(`${identifier}3`);
    expect(suggestProjectIdentifier(name, new Set(), 2)).toBe(`${identifier}2`);
  }
});
