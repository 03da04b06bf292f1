import { describe, expect, test } from "vitest";
import { projects } from "../../../shared/plane/projects.ts";
import { createWorkCrew, type WorkCrew } from "../../work-crew.ts";

type Version = "1.3.1" | "1.2.2";

/** Plane gives a work item that is made for nobody to the project's default assignee. */
const byDefault =
  (given: { to?: string }): typeof fetch =>
  (url, init) => {
    const { to } = given;
    const isCreate = init?.method === "POST" && /\/projects\/[^/]+\/work-items\/$/.test(new URL(String(url)).pathname);
    const body: unknown = isCreate && to !== undefined && JSON.parse(String(init.body));
    if (typeof body !== "object" || body === null || "assignees" in body) return fetch(url, init);
    return fetch(url, { ...init, body: JSON.stringify({ ...body, assignees: [to] }) });
  };

async function begun(version: Version = "1.3.1") {
  const given: { to?: string } = {};
  const crew = await createWorkCrew({ version, fetch: byDefault(given) });
  crew.task("Guide");
  crew.pass(60_000);
  await crew.begin();
  const defaultTo = async (user: { id: string }) => {
    given.to = user.id;
    const json = { default_assignee: user.id };
    await crew.deps.plane.call(projects.update, { params: { project: crew.onb.id }, json });
  };
  return { crew, plane: crew.plane, defaultTo };
}

const made = (crew: WorkCrew) =>
  crew.plane
    .items(crew.onb)
    .slice(1)
    .map((item) => crew.inPlane(item));

describe.each(["1.3.1", "1.2.2"] as const)("in a project with a default assignee (Plane %s)", (version) => {
  test("OPENCLAW-17 a planned task is its agent's, not the default assignee's", async () => {
    const { crew, defaultTo } = await begun(version);
    await defaultTo(crew.human);
    const tasks = [{ id: "1", title: "Tour", assignee: "Thot" }];
    expect(await crew.work("Concierge").plan({ project: "ONB", tasks })).toMatchObject({ remaining: 0 });
    expect(made(crew)).toMatchObject([{ assignees: ["Thot"], labels: ["agent:Thot"] }]);
  });

  test("OPENCLAW-08 so is a task that waits", async () => {
    const { crew, defaultTo } = await begun(version);
    await defaultTo(crew.user("Imhotep"));
    await crew.work("Concierge").create({ project: "ONB", title: "Tour", assignee: "Thot", blocked_by: ["ONB-1"] });
    expect(made(crew)).toMatchObject([{ assignees: ["Thot"] }]);
  });
});

test("what people gave to somebody else than the default assignee stays theirs", async () => {
  const { crew, plane, defaultTo } = await begun();
  await defaultTo(crew.human);
  const plan = (assignee = {}) =>
    crew.work("Concierge").plan({ project: "ONB", tasks: [{ id: "1", title: "Tour", ...assignee }] });
  await plan();
  const [, tour] = plane.items(crew.onb);
  plane.editItem(tour ?? "", { assignees: [crew.user("Imhotep")] });
  await crew.poll();
  await crew.settle();
  expect(await plan({ assignee: "Thot" })).toMatchObject({ remaining: 0, warnings: [] });
  expect(made(crew)).toMatchObject([{ assignees: ["Imhotep"] }]);
});

describe("a label agent:<name> that people have deleted since it was listed", () => {
  const GONE = "11111111-2222-4333-8444-555555555555";

  test("is made anew for a task that is created", async () => {
    const { crew } = await begun();
    await crew.deps.cache.setItem(`labels-of:${crew.onb.id}`, { "agent:thot": GONE });
    await crew.work("Concierge").create({ project: "ONB", title: "Tour", assignee: "Thot" });
    expect(made(crew)).toMatchObject([{ assignees: ["Thot"], labels: ["agent:Thot"] }]);
  });

  test("is made anew for a planned task", async () => {
    const { crew } = await begun();
    await crew.deps.cache.setItem(`labels-of:${crew.onb.id}`, { "agent:thot": GONE });
    const tasks = [{ id: "1", title: "Tour", assignee: "Thot" }];
    await crew.work("Concierge").plan({ project: "ONB", tasks });
    expect(made(crew)).toMatchObject([{ assignees: ["Thot"], labels: ["agent:Thot"] }]);
  });
});

test("somebody whom Plane does not take as assignee is named, not left out in silence", async () => {
  const { crew, plane } = await begun();
  const guest = plane.addUser({ name: "Gus", role: 5 });
  plane.addProjectMember(crew.onb, guest, 5);
  const create = () => crew.work("Concierge").create({ project: "ONB", title: "Tour", assignee: "gus" });
  await expect(create()).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("gus") });
  crew.pass(5_000);
  await expect(create()).rejects.toThrow("ONB-2");
  expect(made(crew)).toHaveLength(1);
});

test("in a plan the others are handed out all the same, and it is a warning", async () => {
  const { crew, plane } = await begun();
  const guest = plane.addUser({ name: "Gus", role: 5 });
  plane.addProjectMember(crew.onb, guest, 5);
  const tasks = [
    { id: "1", title: "Tour", assignee: "gus" },
    { id: "2", title: "Map", assignee: "Thot" },
  ];
  let answer = await crew.work("Concierge").plan({ project: "ONB", tasks });
  const { warnings } = answer;
  for (let calls = 0; answer.remaining > 0 && calls < 9; calls += 1) {
    crew.pass((answer.retry_after ?? 1) * 1000);
    answer = await crew.work("Concierge").plan({ project: "ONB", tasks });
    warnings.push(...answer.warnings);
  }
  expect(warnings).toEqual([expect.stringContaining("1: Plane does not take gus as the assignee of ONB-2")]);
  expect(made(crew).map(({ assignees }) => assignees)).toEqual([[], ["Thot"]]);
});

test("a task that people archived since is told so when it is made again", async () => {
  const { crew, plane } = await begun();
  const make = () => crew.work("Concierge").create({ project: "ONB", title: "Tour" });
  await make();
  const [, tour] = plane.items(crew.onb);
  plane.archiveItem(tour ?? "");
  crew.pass(5_000);
  await expect(make()).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("archived or deleted"),
  });
});
