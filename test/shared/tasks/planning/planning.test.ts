import { describe, expect, test } from "vitest";
import { createTaskOperations } from "../../../../functions/agent/tool.ts";
import { projectsApi } from "../../../../shared/plane/projects.ts";
import { createProject } from "../../../../shared/tasks/planning/create-project.ts";
import { readUnclosedWishes, submitWish } from "../../../../shared/tasks/wishes.ts";
import { pickSize } from "../../../reliability/random-source.ts";
import { type AgentTestApp, type AgentTestAppOptions, createAgentTestApp } from "../../../support/agent-test-app.ts";
import { crashAtStep } from "../../../support/crash-after-change.ts";

const WEBSITE = {
  project: "Website",
  tasks: [
    { id: "page", title: "Page", assignee: "Thot", blocked_by: ["draw", "text", "ONB-1"], due_date: "2026-12-01" },
    { id: "draw", title: "Drawing", assignee: "Imhotep", priority: "high", estimate: { minutes: 30, cost: 2 } },
    { id: "text", title: "Text", description: "In *French*.", assignee: "Thot", blocked_by: ["draw"] },
    { id: "idea", title: "Idea" },
  ],
} as const;

type Operations = ReturnType<AgentTestApp["actAs"]>;
type NewTask = Parameters<Operations["create"]>[0];
type Plan = Parameters<Operations["plan"]>[0];

/** An app whose project has the task Guide, ONB-1, and whose plans need no approval. */
async function createPlanApp(options: AgentTestAppOptions = {}) {
  const app = await createAgentTestApp({ ...options, config: { plan: { approve: false }, ...options.config } });
  const { plane } = app;
  const guide = app.addTask("Guide");
  await app.runFirstPoll(60_000);
  app.takeEvents();
  /** Plans for a person's wish, one for each plan. */
  const plan = async (given: Partial<Plan> = {}) => {
    const name = JSON.stringify(given);
    const wishes = await readUnclosedWishes(app.deps, "Concierge");
    if (!wishes.some(({ text }) => text === name)) await app.addWish(name);
    return app.actAs("Concierge").plan({ ...(WEBSITE as unknown as Plan), ...given });
  };
  return {
    ...{ app, plane, guide, plan },
    create: (given: Partial<NewTask> = {}) =>
      app.actAs("Concierge").create({ project: "ONB", title: "Tour", assignee: "Thot", ...given }),
    createProject(newProject: Parameters<typeof createProject>[1]) {
      app.advance(20_000);
      return createProject(app.createContext("Concierge"), newProject);
    },
    /** The created items as they are in Plane. */
    readCreated: () =>
      plane
        .items(app.onb)
        .slice(1)
        .map((item) => app.readPlaneItem(item)),
    /** Calls, lets the plan be carried out, and calls again. */
    async complete(given: Partial<Plan> = {}) {
      const { retry_after } = await plan(given);
      expect(retry_after).toBeGreaterThan(0);
      await app.runUntilIdle();
      const answer = await plan(given);
      expect(answer.remaining).toBe(0);
      return answer;
    },
    /** The state of the plan in Plane, one line per task. */
    async readPlan(): Promise<string[]> {
      const { data } = await app.deps.plane.call(projectsApi.list);
      const made = data.results.filter(({ name }) => name === "Website");
      expect(made).toHaveLength(1);
      return plane.items(made[0]?.id ?? "").map((item) => {
        const { name, assignees, labels, priority, target_date } = app.readPlaneItem(item);
        const waits = plane.blockers(item).map((id) => plane.item(id)?.name ?? "?");
        const lines = /Blocked by: ([^<]*)/.exec(item.description_html)?.[1];
        const fields = [assignees.join(), labels.join(), priority, target_date ?? "-", lines ?? waits.sort().join()];
        return [name, ...fields].join(" | ");
      });
    },
  };
}

describe.each(["1.3.1", "1.2.2"] as const)("OPENCLAW-08 on Plane %s", (version) => {
  test("a task is created by the Concierge for an agent with all given fields, and assigned only after its blockers are in Plane", async () => {
    const { app, plane, guide, create, readCreated } = await createPlanApp({ version });
    const early: boolean[] = [];
    plane.faults.beforeRequest(() => {
      const [, tour] = plane.items(app.onb);
      if (tour && version !== "1.2.2") early.push(tour.assignees.length > 0 && plane.blockers(tour).length === 0);
    });
    const description = "Show **everything** there is.";
    const fields = { priority: "high", due_date: "2026-12-01" } as const;
    const blocked_by = ["ONB-1", guide.id];
    expect(
      await create({ project: "onb", title: " Tour ", description, assignee: "thot", ...fields, blocked_by }),
    ).toMatchObject({
      ...{ key: "ONB-2", title: "Tour", description: "Show everything there is.", status: "todo", project: "ONB" },
      ...{ ...fields, blocked_by: [{ key: "ONB-1", status: "todo" }], startable: false },
    });
    const [tour] = readCreated();
    expect(tour).toMatchObject({
      description_html: expect.stringContaining("<strong>everything</strong>"),
      ...{ assignees: ["Thot"], labels: ["agent:Thot"], created_by: app.getUser("Concierge").id },
    });
    if (version === "1.2.2") expect(tour?.description_html).toContain("Blocked by: ONB-1");
    else expect(plane.blockers(tour ?? "")).toEqual([guide.id]);
    expect(early).not.toContain(true);
    await app.pollUntilIdle();
    const { tasks } = await app.actAs("Thot").list({});
    expect(tasks).toMatchObject([{ key: "ONB-2", blocked_by: [{ key: "ONB-1" }] }]);
    plane.editItem(guide, { state: "Done" });
    await app.pollUntilIdle();
    expect(app.takeEvents()).toContain("ONB-2 unblocked");
  });
});

test("a call killed at any step and repeated creates one complete task", async () => {
  let most = Number.POSITIVE_INFINITY;
  for (let nth = 1; nth <= most; nth += pickSize(1, 4)) {
    const { app, plane, guide, create, readCreated } = await createPlanApp();
    const crash = crashAtStep(app.deps, nth, nth % 2 === 0 ? "before" : "after");
    const work = createTaskOperations(crash.deps, app.getCaller("Concierge"));
    const newTask = { project: "ONB", title: "Tour", assignee: "Thot", blocked_by: ["ONB-1"] };
    await crash.orCrash(work.create(newTask)).then(
      () => {
        most = crash.state.steps;
      },
      () => app.advance(61_000),
    );
    expect(await create({ blocked_by: ["ONB-1"] })).toMatchObject({ blocked_by: [{ key: "ONB-1" }] });
    const created = readCreated().map((item) => [item.assignees, plane.blockers(item)]);
    expect(created).toEqual([[["Thot"], [guide.id]]]);
  }
  expect(most).toBeGreaterThan(8);
});

test.each<[Partial<NewTask>, string]>([
  [{ title: "" }, "the title is empty"],
  [{ title: "x".repeat(256) }, "the title has 256 characters; the limit is 255"],
  [{ due_date: "2026-02-30" }, '"2026-02-30" is not a valid date'],
  [{ assignee: "Nobody" }, 'There is no user "Nobody". Agents: Concierge, Imhotep, Thot'],
  [{ assignee: "Ada" }, 'Several people have the name "Ada". Give an e-mail address.'],
  [{ project: "Nowhere" }, 'no project "Nowhere". Create it with create_project. Existing projects: ONB (Onboarding)'],
  [{ blocked_by: ["ONB-99"] }, "There is no task ONB-99"],
])("a task that cannot be created is refused with the problem: %o", async (wrong, message) => {
  const { plane, create, readCreated } = await createPlanApp();
  plane.addUser({ name: "Ada" });
  await expect(create(wrong)).rejects.toThrow(message);
  expect(readCreated()).toEqual([]);
});

test("OPENCLAW-08 each agent's persona, load and pace are listed without a request to Plane", async () => {
  const { app, create } = await createPlanApp({ agents: { Thot: { about: "Writes." } } });
  await create();
  await app.actAs("Thot").claim("ONB-2");
  await app.runUntilIdle();
  const thot = { name: "Thot", role: "worker", about: "Writes.", open: 1, blocked: 0, holds: ["ONB-2"] };
  const requests = await app.recordRequests(async () => {
    expect(await app.actAs("Concierge").team()).toContainEqual({ ...thot, past: { finished: 0 } });
  });
  expect(requests).toEqual([]);
});

test("a label agent:<name> that people have deleted since it was listed is created again for a new task", async () => {
  const { app, create, readCreated } = await createPlanApp();
  const gone = { "agent:thot": "11111111-2222-4333-8444-555555555555" };
  await app.deps.cache.setItem(`labels-of:${app.onb.id}`, gone);
  await create();
  expect(readCreated()).toMatchObject([{ assignees: ["Thot"], labels: ["agent:Thot"] }]);
});

test("an assignee whom Plane does not accept is a warning of a plan, whose other tasks are assigned", async () => {
  const { app, plane, complete, readCreated } = await createPlanApp();
  plane.addProjectMember(app.onb, plane.addUser({ name: "Gus", role: 5 }), 5);
  const tasks = ["gus", "Thot"].map((assignee, i) => ({ id: `${i}`, title: `Task ${i}`, assignee }));
  const { warnings } = await complete({ project: "ONB", tasks });
  expect(warnings).toEqual([expect.stringContaining("0: Plane does not accept gus as the assignee of ONB-2")]);
  expect(readCreated().map(({ assignees }) => assignees)).toEqual([[], ["Thot"]]);
});

test.each(["1.3.1", "1.2.2"] as const)("OPENCLAW-08 PROV-04 on Plane %s a new project is whole", async (version) => {
  const { app, plane, createProject } = await createPlanApp({ version });
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
  const { app, plane, createProject } = await createPlanApp();
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
  const { app, plane, createProject } = await createPlanApp({ config: { people } });
  for (const name of ["Bob", "Eve", "Zoe"]) plane.addUser({ name, email: `${name.toLowerCase()}@example.test` });
  plane.addUser({ name: "Guest", email: "guest@example.test", role: 5 });
  const getMembers = (id = "") => plane.projectMembers(id).filter((line) => line.includes("@example.test"));
  const { id } = await createProject({ name: "Website" });
  expect(getMembers(id)).toEqual(["bob@example.test 15", "guest@example.test 5"]);
  const message = "people are not in the workspace";
  expect(app.logged).toContainEqual(expect.objectContaining({ message, people: ["gone@example.test"] }));
  const wish = { update: "1", text: "A shop", by: "Eve", user: 8, isFreeText: false };
  await submitWish(app.deps, "Concierge", wish);
  await app.actAs("Concierge").plan({ project: "Shop", tasks: [{ id: "1", title: "Page" }] });
  await app.runUntilIdle();
  const shop = plane.projects().find(({ name }) => name === "Shop");
  expect(getMembers(shop?.id)).toEqual(["bob@example.test 15", "eve@example.test 15"]);
});

test("the name of another project, one that Plane does not accept and a project outside PLANE_PROJECTS are refused before anything is sent", async () => {
  const { app, plane, createProject } = await createPlanApp();
  const isCreation = ({ method, path }: { method: string; path: string }) =>
    method === "POST" && /projects\/$/.test(path);
  for (const [newProject, message] of [
    [{ name: "Onboarding" }, 'The project "Onboarding" (ONB) exists and was not created by Groundcrew'],
    [{ name: "R&D (2026)" }, '(& ( )). Use "R D 2026"'],
    [{ name: "Web", identifier: "W-1" }, '"W-1" is not a valid identifier'],
    [{ name: "\u200b\u202e" }, "The project's name is empty."],
  ] as const)
    await expect(createProject(newProject)).rejects.toThrow(message);
  expect(plane.ledger.requests.filter(isCreation)).toEqual([]);
  await expect(createProject({ name: "Web", identifier: "onb" })).rejects.toThrow("has the identifier ONB");
  Object.assign(app.settings.plane ?? {}, { projects: ["ONB"] });
  await expect(createProject({ name: "Web" })).rejects.toThrow("uses only the projects ONB (PLANE_PROJECTS)");
  expect(plane.ledger.requests.filter(isCreation)).toMatchObject([{ status: 409 }]);
});

const toExpectedPlan = (text: string, page: string) => [
  "Drawing | Imhotep | agent:Imhotep | high | - | ",
  `Text | Thot | agent:Thot | none | - | ${text}`,
  `Page | Thot | agent:Thot | none | 2026-12-01 | ${page}`,
  "Idea |  |  | none | - | ",
];

test.each([
  ["1.3.1", toExpectedPlan("Drawing", "Drawing,Guide,Text")],
  ["1.2.2", toExpectedPlan("WEBS-1", "WEBS-1, WEBS-2, ONB-1")],
] as const)("OPENCLAW-17 on Plane %s a plan is complete, and relations come first", async (version, expected) => {
  const { app, plane, plan, complete, readPlan } = await createPlanApp({ version });
  const writes: string[] = [];
  plane.faults.beforeRequest(({ method, path }) => {
    if (method !== "GET") writes.push(`${method} ${path.replace(/.*\/([a-z-]+)\/[^/]*\/?$/, "$1")}`);
  });
  const last = await complete();
  const firstAssignment = writes.findIndex((request) => request.startsWith("PATCH work-items"));
  expect(firstAssignment).toBeGreaterThan(4);
  expect(writes.slice(firstAssignment).filter((request) => /^POST (?!comments|labels)/.test(request))).toEqual([]);
  expect(await readPlan()).toEqual(expected);
  expect(last).toMatchObject({ project: "WEBS", done: ["WEBS-1", "WEBS-2", "WEBS-3", "WEBS-4"], problems: [] });
  expect(last.tasks.map(({ id, key, blocked_by }) => [id, key, ...blocked_by])).toEqual([
    ["draw", "WEBS-1"],
    ["text", "WEBS-2", "WEBS-1"],
    ["page", "WEBS-3", "WEBS-1", "WEBS-2", "ONB-1"],
    ["idea", "WEBS-4"],
  ]);
  await app.runUntilIdle();
  expect(await app.recordRequests(() => plan())).toEqual([]);
  await app.runUntilIdle();
  const { tasks } = await app.actAs("Thot").list({});
  expect(tasks.map(({ key, startable }) => `${key} ${startable}`)).toEqual(["WEBS-3 false", "WEBS-2 false"]);
});

test("all problems of a plan, which may be a cycle's path, are returned at once, and nothing is written", async () => {
  const { app, plan } = await createPlanApp();
  const tasks = [
    { id: "a", title: "", blocked_by: ["b"] },
    { id: "b", title: "B", blocked_by: ["c"], assignee: "Nobody", description: "x".repeat(100_001) },
    { id: "c", title: "C", blocked_by: ["a", "zzz"], due_date: "soon" },
    { id: "c", title: "D" },
  ];
  const problems = [
    'two tasks have the id "c"',
    "a: the title is empty",
    'c: "soon" is not a valid date; write YYYY-MM-DD',
    "b: The text has 100,001 characters",
    'There is no user "Nobody"',
    'blocked_by "zzz" is neither an id of this plan nor the key of an existing task',
    'Use "R D"',
  ];
  const refused = plan({ project: "R&D", tasks });
  for (const message of problems) await expect(refused).rejects.toThrow(message);
  expect((await plan({ project: "R&D", tasks, dry_run: true })).problems).toHaveLength(problems.length);
  const inCycle = ["ab", "bc", "ca"].map(([id = "", by = ""]) => ({ id, title: id, blocked_by: [by] }));
  await expect(plan({ tasks: inCycle })).rejects.toThrow("dependency cycle: a → b → c → a");
  expect(app.plane.ledger.requests.filter(({ method, api }) => api && method !== "GET")).toEqual([]);
});

test("OPENCLAW-11 a plan over budget and a plan without enough history get warnings", async () => {
  const { plan } = await createPlanApp({ config: { budget: { amount: 1 } } });
  const { warnings, cost } = await plan({ dry_run: true });
  expect(cost).toEqual({ estimated: 2, unknown: 2, spent: 0, open: 0, budget: 1, currency: "EUR" });
  expect(warnings).toEqual([
    "over budget: the plan costs about 2 EUR, and of this month's 1 EUR 0 are spent and 0 estimated for open tasks",
    "not enough history to estimate the cost of page, text; give an estimate",
  ]);
});
