import { expect, test } from "vitest";
import { createProject as createProjectAs } from "../../../../shared/tasks/planning/create-project.ts";
import { submitWish } from "../../../../shared/tasks/wishes.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";

async function createProjectApp(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const config = { plan: { approve: false }, ...options.config };
  const app = await createAgentTestApp({ ...options, config });
  await app.runFirstPoll(60_000);
  app.takeEvents();
  const { plane } = app;
  return {
    ...{ app, plane },
    getCreations: () =>
      plane.ledger.requests.filter(({ method, path }) => method === "POST" && /projects\/$/.test(path)),
    createProject(newProject: { name: string; identifier?: string; description?: string }) {
      app.advance(20_000);
      return createProjectAs(app.createContext("Concierge"), newProject);
    },
    /** Plans one page in a project, until no job is left. */
    async plan(project: string) {
      await app.actAs("Concierge").plan({ project, tasks: [{ id: "1", title: "Page" }] });
      await app.runUntilIdle();
    },
  };
}

test.each(["1.3.1", "1.2.2"] as const)("OPENCLAW-08 PROV-04 on Plane %s a new project is whole", async (version) => {
  const { app, plane, createProject } = await createProjectApp({ version });
  const project = await createProject({ name: "Website relaunch" });
  expect(project).toMatchObject({ name: "Website relaunch", identifier: "WR", cycles: true });
  expect(plane.projects().find(({ id }) => id === project.id)).toMatchObject({
    ...{ cycle_view: true, module_view: true },
    ...{ issue_views_view: false, page_view: false, intake_view: false },
  });
  expect(plane.states(project.id).map(({ name }) => name)).toContain("Blocked");
  await app.runUntilIdle();
  expect(app.takeEvents()).toContain("WR project_created");
  const answer = await app.actAs("Concierge").create({ project: "WR", title: "Page", assignee: "Thot" });
  expect(answer.key).toBe("WR-1");
  const [page] = plane.items(project.id);
  const created_by = app.getUser("Concierge").id;
  expect(page && app.readPlaneItem(page)).toMatchObject({ assignees: ["Thot"], created_by });
});

test("without the setting people, all members and admins of the workspace are members of a created project, guests are not, and who was removed stays so", async () => {
  const { app, plane, createProject } = await createProjectApp();
  const bob = plane.addUser({ name: "Bob" });
  plane.addUser({ name: "Guest", role: 5 });
  const { id } = await createProject({ name: "Website" });
  const agents = ["concierge@javisi.local.test 20", "imhotep@javisi.local.test 15", "thot@javisi.local.test 15"];
  expect(plane.projectMembers(id)).toEqual([`${app.human.email} 20`, `${bob.email} 15`, ...agents].sort());
  plane.removeProjectMember(id, bob.email);
  plane.ledger.clear();
  await createProject({ name: "Website" });
  expect(plane.ledger.requests.filter(({ method }) => method !== "GET")).toEqual([]);
});

test("with the setting people, those it names for a created project are added with their role, and the author of its wish whatever it says", async () => {
  const people = [
    { email: "BOB@example.test" },
    { email: "eve@example.test", telegram: 8, projects: ["OPS"] },
    { email: "zoe@example.test", projects: ["OPS"] },
    { email: "guest@example.test", projects: ["ops", "webs"] },
    { email: "gone@example.test" },
  ];
  const { app, plane, createProject, plan } = await createProjectApp({ config: { people } });
  for (const name of ["Bob", "Eve", "Zoe"]) plane.addUser({ name, email: `${name.toLowerCase()}@example.test` });
  plane.addUser({ name: "Guest", email: "guest@example.test", role: 5 });
  const getMembers = (id = "") => plane.projectMembers(id).filter((line) => line.includes("@example.test"));
  const { id } = await createProject({ name: "Website" });
  expect(getMembers(id)).toEqual(["bob@example.test 15", "guest@example.test 5"]);
  const message = "people are not in the workspace";
  expect(app.logged).toContainEqual(expect.objectContaining({ message, people: ["gone@example.test"] }));
  const wish = { update: "1", text: "A shop", by: "Eve", user: 8, isFreeText: false };
  await submitWish(app.deps, "Concierge", wish);
  await plan("Shop");
  const shop = plane.projects().find(({ name }) => name === "Shop");
  expect(getMembers(shop?.id)).toEqual(["bob@example.test 15", "eve@example.test 15"]);
});

test("the name of another project, one that Plane does not accept and a project outside PLANE_PROJECTS are refused before anything is sent", async () => {
  const { app, createProject, getCreations } = await createProjectApp();
  for (const [newProject, message] of [
    [{ name: "Onboarding" }, 'The project "Onboarding" (ONB) exists and was not created by Groundcrew'],
    [{ name: "R&D (2026)" }, '(& ( )). Use "R D 2026"'],
    [{ name: "Web", identifier: "W-1" }, '"W-1" is not a valid identifier'],
    [{ name: "\u200b\u202e" }, "The project's name is empty."],
  ] as const)
    await expect(createProject(newProject)).rejects.toThrow(message);
  expect(getCreations()).toEqual([]);
  await expect(createProject({ name: "Web", identifier: "onb" })).rejects.toThrow("has the identifier ONB");
  Object.assign(app.settings.plane ?? {}, { projects: ["ONB"] });
  await expect(createProject({ name: "Web" })).rejects.toThrow(
    "Groundcrew uses only the projects ONB (PLANE_PROJECTS)",
  );
  expect(getCreations()).toMatchObject([{ status: 409 }]);
});
