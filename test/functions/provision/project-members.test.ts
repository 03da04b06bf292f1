import { describe, expect, test } from "vitest";
import { ADMIN_EMAIL, createProvisionSetup, type ProvisionSetup, TEAM_AGENTS } from "./provision-setup.ts";

const AGENTS = ["concierge@javisi.local 20", "imhotep@javisi.local 15", "thot@javisi.local 15"];
const ADMIN = `${ADMIN_EMAIL} 20`;

function findProject({ plane }: ProvisionSetup, identifier = "ONB") {
  const project = plane.projects().find((candidate) => candidate.identifier === identifier);
  if (!project) throw new Error(`Plane has no project ${identifier}.`);
  return project;
}

describe.each(["1.3.1", "1.2.2"] as const)("The members of provision's projects on Plane %s", (version) => {
  test("people of the workspace become members of the first project, with their role, but not guests", async () => {
    const setup = await createProvisionSetup({ version });
    await setup.provision();
    setup.plane.addUser({ name: "Bob", email: "bob@example.test" });
    setup.plane.addUser({ name: "Eve", email: "eve@example.test", role: 20 });
    setup.plane.addUser({ name: "Guest", email: "guest@example.test", role: 5 });
    const { changed, detail } = await setup.provisionWithReport();
    expect(changed).toBe(1);
    expect(detail("project members")).toContain("bob is not a member of Onboarding (ONB)");
    expect(setup.plane.projectMembers(findProject(setup))).toEqual(
      [ADMIN, ...AGENTS, "bob@example.test 15", "eve@example.test 20"].sort(),
    );
    expect((await setup.provisionWithReport()).changed).toBe(0);
  });

  test("with the setting people, those it names for the first project become members, and no others", async () => {
    const people = [
      { email: "Bob@example.test" },
      { email: "eve@example.test", projects: ["OPS"] },
      { email: "gone@example.test", projects: ["onb"] },
    ];
    const setup = await createProvisionSetup({ version, config: { agents: TEAM_AGENTS, people } });
    await setup.provision();
    for (const name of ["Bob", "Eve", "Zoe"])
      setup.plane.addUser({ name, email: `${name.toLowerCase()}@example.test` });
    const { detail } = await setup.provisionWithReport();
    expect(detail("project members")).toContain("not in the workspace: gone@example.test");
    expect(setup.plane.projectMembers(findProject(setup))).toEqual([ADMIN, ...AGENTS, "bob@example.test 15"].sort());
    expect((await setup.provisionWithReport()).changed).toBe(0);
  });

  test.each(["thot@javisi.local", "concierge@javisi.local", ADMIN_EMAIL])(
    "%s, removed from the first project, is found and brought back with its role",
    async (email) => {
      const setup = await createProvisionSetup({ version });
      await setup.provision();
      const project = findProject(setup);
      const before = setup.plane.projectMembers(project);
      setup.plane.removeProjectMember(project, email);
      const planned = await setup.provisionWithReport(["--dry-run"]);
      expect(planned.detail("project members")).toMatch(/^\w+ is not a member of Onboarding \(ONB\)$/);
      expect(setup.plane.projectMembers(project)).not.toEqual(before);
      expect(await setup.provisionWithReport()).toMatchObject({ changed: 1, failed: [] });
      expect(setup.plane.projectMembers(project)).toEqual(before);
      expect((await setup.provisionWithReport()).changed).toBe(0);
    },
  );

  test("an agent that was removed from a project for a wish is brought back", async () => {
    const setup = await createProvisionSetup({ version });
    await setup.provision();
    const headers = { "x-api-key": String(setup.readSecrets()["PLANE_API_KEY"]), "content-type": "application/json" };
    const project = { name: "Website", identifier: "WEB", external_source: "groundcrew", external_id: "project:1" };
    const url = `${setup.url}/api/v1/workspaces/javisi/projects/`;
    await fetch(url, { method: "POST", headers, body: JSON.stringify(project) });
    expect((await setup.provisionWithReport()).detail("agents' projects")).toBe(
      "Imhotep is not a member of Website (WEB); Thot is not a member of Website (WEB)",
    );
    setup.plane.removeProjectMember(findProject(setup, "WEB"), "thot@javisi.local");
    expect(await setup.provisionWithReport()).toMatchObject({ changed: 1, failed: [] });
    expect(setup.plane.projectMembers(findProject(setup, "WEB"))).toEqual(AGENTS);
    expect((await setup.provisionWithReport()).changed).toBe(0);
  });

  test("a person whom no setting names and who was removed from the first project stays removed", async () => {
    const setup = await createProvisionSetup({ version });
    await setup.provision();
    const bob = setup.plane.addUser({ name: "Bob", email: "bob@example.test" });
    await setup.provision();
    setup.plane.removeProjectMember(findProject(setup), bob.email);
    expect((await setup.provisionWithReport()).changed).toBe(0);
  });
});
