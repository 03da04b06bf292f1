import { describe, expect, test } from "vitest";
import { cyclesTick } from "../../../functions/poll/poll-tick.ts";
import { findPerson, personSessionSet, readPeople } from "../../../shared/people/directory.ts";
import { createTestApp, type TestAppOptions } from "../../support/test-app.ts";

const AGENT = { name: "Imhotep", email: "imhotep@agents.example" };

/** A workspace with Ada (its admin), Bob, a guest and an agent, and the projects ONB, of all, and OPS, of Ada alone. */
async function createTeam(config: TestAppOptions["config"] = {}) {
  const app = await createTestApp({ agents: [AGENT], config });
  const { plane } = app;
  const bob = plane.addUser({ name: "Bob", email: "bob@example.test" });
  const guest = plane.addUser({ name: "Gus", email: "gus@example.test", role: 5 });
  plane.addUser({ name: "Imhotep", email: AGENT.email });
  const onb = app.addProject("Onboarding", "ONB");
  const ops = plane.addProject({ name: "Operations", identifier: "OPS", members: [app.human] });
  await app.runFirstPoll();
  return { app, plane, bob, guest, onb, ops };
}

describe("without the setting people", () => {
  test("the human members of the workspace are the people, with the role and projects that Plane gives them", async () => {
    const { app, bob, guest, onb, ops } = await createTeam();
    await cyclesTick.run(app.deps);
    const people = await readPeople(app.deps);
    expect(people.map(({ name, role, projects }) => [name, role, [...projects].sort()])).toEqual([
      ["gus", "guest", [onb.id]],
      ["bob", "member", [onb.id]],
      ["ada", "admin", [onb.id, ops.id].sort()],
    ]);
    expect(await findPerson(app.deps, { id: bob.id })).toMatchObject({ name: "bob", email: "bob@example.test" });
    expect(await findPerson(app.deps, { email: "GUS@example.test" })).toMatchObject({ id: guest.id });
    expect(await findPerson(app.deps, { telegram: 42 })).toBeUndefined();
  });

  test("an idle poll reads nobody; while somebody is signed in, it finds who was renamed or demoted", async () => {
    const { app, plane, bob } = await createTeam();
    await cyclesTick.run(app.deps);
    expect(await app.recordRequests(() => app.poll())).not.toContain("GET members");
    await app.deps.store.commit({ put: [{ key: "session:1", value: {}, sets: [personSessionSet] }] });
    plane.editMember(bob, { role: 5, displayName: "Robert" });
    expect(await app.recordRequests(() => app.poll())).toContain("GET members");
    expect(await findPerson(app.deps, { id: bob.id })).toMatchObject({ name: "Robert", role: "guest" });
  });
});

describe("with the setting people", () => {
  const people = [
    { email: "Bob@example.test", telegram: 42, language: "fr" },
    { email: "zoe@example.test", telegram: "43" },
  ];

  test("the list alone says who they are, joined with Plane's members; who is not in the workspace has no role", async () => {
    const { app, bob, onb } = await createTeam({ people });
    await app.poll();
    expect(await readPeople(app.deps)).toEqual([
      {
        id: bob.id,
        name: "bob",
        email: "bob@example.test",
        role: "member",
        telegram: 42,
        language: "fr",
        projects: [onb.id],
      },
      { name: "zoe@example.test", email: "zoe@example.test", telegram: 43, projects: [] },
    ]);
    expect(await findPerson(app.deps, { telegram: 42 })).toMatchObject({ id: bob.id });
    expect(await findPerson(app.deps, { email: "ada@example.test" })).toBeUndefined();
  });
});
