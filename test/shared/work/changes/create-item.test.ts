import { describe, expect, test } from "vitest";
import { projectsApi } from "../../../../shared/plane/projects.ts";
import { type AgentTestApp, createAgentTestApp } from "../../../support/agent-test-app.ts";

type Version = "1.3.1" | "1.2.2";

/** Simulates Plane, which assigns a work item without an assignee to the project's default assignee. */
const assignDefault =
  (given: { to?: string }): typeof fetch =>
  (url, init) => {
    const { to } = given;
    const isCreate = init?.method === "POST" && /\/projects\/[^/]+\/work-items\/$/.test(new URL(String(url)).pathname);
    const body: unknown = isCreate && to !== undefined && JSON.parse(String(init.body));
    if (typeof body !== "object" || body === null || "assignees" in body) return fetch(url, init);
    return fetch(url, { ...init, body: JSON.stringify({ ...body, assignees: [to] }) });
  };

async function createDefaultAssigneeApp(version: Version = "1.3.1") {
  const given: { to?: string } = {};
  const crew = await createAgentTestApp({ version, fetch: assignDefault(given) });
  crew.addTask("Guide");
  crew.advance(60_000);
  await crew.runFirstPoll();
  const defaultTo = async (user: { id: string }) => {
    given.to = user.id;
    const json = { default_assignee: user.id };
    await crew.deps.plane.call(projectsApi.update, { params: { project: crew.onb.id }, json });
  };
  return { crew, plane: crew.plane, defaultTo };
}

const readCreatedItems = (crew: AgentTestApp) =>
  crew.plane
    .items(crew.onb)
    .slice(1)
    .map((item) => crew.readPlaneItem(item));

describe.each(["1.3.1", "1.2.2"] as const)("in a project with a default assignee (Plane %s)", (version) => {
  test("OPENCLAW-17 a planned task is assigned to its agent, not to the default assignee", async () => {
    const { crew, defaultTo } = await createDefaultAssigneeApp(version);
    await defaultTo(crew.human);
    const tasks = [{ id: "1", title: "Tour", assignee: "Thot" }];
    expect(await crew.actAs("Concierge").plan({ project: "ONB", tasks })).toMatchObject({ remaining: 0 });
    expect(readCreatedItems(crew)).toMatchObject([{ assignees: ["Thot"], labels: ["agent:Thot"] }]);
  });

  test("OPENCLAW-08 a task with blockers is assigned to its agent, not to the default assignee", async () => {
    const { crew, defaultTo } = await createDefaultAssigneeApp(version);
    await defaultTo(crew.getUser("Imhotep"));
    await crew.actAs("Concierge").create({ project: "ONB", title: "Tour", assignee: "Thot", blocked_by: ["ONB-1"] });
    expect(readCreatedItems(crew)).toMatchObject([{ assignees: ["Thot"] }]);
  });
});

test("a task that people assigned to somebody other than the default assignee stays assigned to them", async () => {
  const { crew, plane, defaultTo } = await createDefaultAssigneeApp();
  await defaultTo(crew.human);
  const plan = (assignee = {}) =>
    crew.actAs("Concierge").plan({ project: "ONB", tasks: [{ id: "1", title: "Tour", ...assignee }] });
  await plan();
  const [, tour] = plane.items(crew.onb);
  plane.editItem(tour ?? "", { assignees: [crew.getUser("Imhotep")] });
  await crew.poll();
  await crew.runUntilIdle();
  expect(await plan({ assignee: "Thot" })).toMatchObject({ remaining: 0, warnings: [] });
  expect(readCreatedItems(crew)).toMatchObject([{ assignees: ["Imhotep"] }]);
});

const GONE = "11111111-2222-4333-8444-555555555555";

test("a label agent:<name> that people have deleted since it was listed is created again for a new task", async () => {
  const { crew } = await createDefaultAssigneeApp();
  await crew.deps.cache.setItem(`labels-of:${crew.onb.id}`, { "agent:thot": GONE });
  await crew.actAs("Concierge").create({ project: "ONB", title: "Tour", assignee: "Thot" });
  expect(readCreatedItems(crew)).toMatchObject([{ assignees: ["Thot"], labels: ["agent:Thot"] }]);
});

test("a label agent:<name> that people have deleted since it was listed is created again for a planned task", async () => {
  const { crew } = await createDefaultAssigneeApp();
  await crew.deps.cache.setItem(`labels-of:${crew.onb.id}`, { "agent:thot": GONE });
  const tasks = [{ id: "1", title: "Tour", assignee: "Thot" }];
  await crew.actAs("Concierge").plan({ project: "ONB", tasks });
  expect(readCreatedItems(crew)).toMatchObject([{ assignees: ["Thot"], labels: ["agent:Thot"] }]);
});

test("an assignee whom Plane does not accept is named in the refusal", async () => {
  const { crew, plane } = await createDefaultAssigneeApp();
  const guest = plane.addUser({ name: "Gus", role: 5 });
  plane.addProjectMember(crew.onb, guest, 5);
  const create = () => crew.actAs("Concierge").create({ project: "ONB", title: "Tour", assignee: "gus" });
  await expect(create()).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("gus") });
  crew.advance(5_000);
  await expect(create()).rejects.toThrow("ONB-2");
  expect(readCreatedItems(crew)).toHaveLength(1);
});

test("an assignee whom Plane does not accept is a warning of a plan, whose other tasks are assigned", async () => {
  const { crew, plane } = await createDefaultAssigneeApp();
  const guest = plane.addUser({ name: "Gus", role: 5 });
  plane.addProjectMember(crew.onb, guest, 5);
  const tasks = [
    { id: "1", title: "Tour", assignee: "gus" },
    { id: "2", title: "Map", assignee: "Thot" },
  ];
  let answer = await crew.actAs("Concierge").plan({ project: "ONB", tasks });
  const { warnings } = answer;
  for (let calls = 0; answer.remaining > 0 && calls < 9; calls += 1) {
    crew.advance((answer.retry_after ?? 1) * 1000);
    answer = await crew.actAs("Concierge").plan({ project: "ONB", tasks });
    warnings.push(...answer.warnings);
  }
  expect(warnings).toEqual([expect.stringContaining("1: Plane does not accept gus as the assignee of ONB-2")]);
  expect(readCreatedItems(crew).map(({ assignees }) => assignees)).toEqual([[], ["Thot"]]);
});

test("creating a task again that people have archived is refused with that reason", async () => {
  const { crew, plane } = await createDefaultAssigneeApp();
  const make = () => crew.actAs("Concierge").create({ project: "ONB", title: "Tour" });
  await make();
  const [, tour] = plane.items(crew.onb);
  plane.archiveItem(tour ?? "");
  crew.advance(5_000);
  await expect(make()).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("archived or deleted"),
  });
});
