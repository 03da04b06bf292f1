import { describe, expect, test } from "vitest";
import { projectsApi } from "../../../../shared/plane/projects.ts";
import type { planProject } from "../../../../shared/tasks/planning/start-plan.ts";
import { readUnclosedWishes } from "../../../../shared/tasks/wishes.ts";
import { type AgentTestApp, createAgentTestApp } from "../../../support/agent-test-app.ts";

const WEBSITE = {
  project: "Website",
  tasks: [
    { id: "page", title: "Page", assignee: "Thot", blocked_by: ["draw", "text", "ONB-1"], due_date: "2026-12-01" },
    {
      id: "draw",
      title: "Drawing",
      assignee: "Imhotep",
      priority: "high" as const,
      estimate: { minutes: 30, cost: 2 },
    },
    { id: "text", title: "Text", description: "In *French*.", assignee: "Thot", blocked_by: ["draw"] },
    { id: "idea", title: "Idea" },
  ],
};

async function createPlanApp(version: "1.3.1" | "1.2.2" = "1.3.1", options = {}) {
  const app = await createAgentTestApp({ version, config: { plan: { approve: false } }, ...options });
  app.addTask("Guide");
  app.advance(60_000);
  await app.runFirstPoll();
  app.takeEvents();
  /** Plans for a person's wish, one for each plan. */
  const plan = async (given: object = {}) => {
    const name = JSON.stringify(given);
    const wishes = await readUnclosedWishes(app.deps, "Concierge");
    if (!wishes.some(({ text }) => text === name)) await app.addWish(name);
    return app.actAs("Concierge").plan({ ...WEBSITE, ...given });
  };
  return { app, plane: app.plane, plan };
}

/** Calls, lets the plan be carried out, and repeats the call until the plan is complete. */
async function callUntilPlanned(
  app: AgentTestApp,
  call: () => ReturnType<typeof planProject>,
): Promise<{ last: Awaited<ReturnType<typeof planProject>>; calls: number }> {
  for (let calls = 1; ; calls += 1) {
    const answer = await call();
    if (answer.remaining === 0) return { last: answer, calls };
    expect(answer.retry_after).toBeGreaterThan(0);
    if (calls > 20) throw new Error(JSON.stringify(answer));
    await app.runUntilIdle();
  }
}

/** The state of the plan in Plane, one line per task. */
async function readPlanInPlane(app: AgentTestApp): Promise<string[]> {
  const { data } = await app.deps.plane.call(projectsApi.list);
  const made = data.results.filter(({ name }) => name === "Website");
  expect(made).toHaveLength(1);
  return app.plane.items(made[0]?.id ?? "").map((item) => {
    const { name, assignees, labels, priority, target_date } = app.readPlaneItem(item);
    const waits = app.plane.blockers(item).map((id) => app.plane.item(id)?.name ?? "?");
    const lines = /Blocked by: ([^<]*)/.exec(item.description_html)?.[1];
    const due = target_date ?? "-";
    return [name, assignees.join(), labels.join(), priority, due, lines ?? waits.sort().join()].join(" | ");
  });
}

const EXPECTED_PLAN = {
  "1.3.1": [
    "Drawing | Imhotep | agent:Imhotep | high | - | ",
    "Text | Thot | agent:Thot | none | - | Drawing",
    "Page | Thot | agent:Thot | none | 2026-12-01 | Drawing,Guide,Text",
    "Idea |  |  | none | - | ",
  ],
  "1.2.2": [
    "Drawing | Imhotep | agent:Imhotep | high | - | ",
    "Text | Thot | agent:Thot | none | - | WEBS-1",
    "Page | Thot | agent:Thot | none | 2026-12-01 | WEBS-1, WEBS-2, ONB-1",
    "Idea |  |  | none | - | ",
  ],
};

describe.each(["1.3.1", "1.2.2"] as const)("OPENCLAW-17 on Plane %s", (version) => {
  test("a plan with all kinds of fields is complete without further calls, and no task is assigned before all relations exist", async () => {
    const { app, plane, plan } = await createPlanApp(version);
    const writes: string[] = [];
    plane.faults.beforeRequest(({ method, path }) => {
      if (method !== "GET") writes.push(`${method} ${path.replace(/.*\/([a-z-]+)\/[^/]*\/?$/, "$1")}`);
    });
    const { last, calls } = await callUntilPlanned(app, () => plan());
    const firstAssignment = writes.findIndex((request) => request.startsWith("PATCH work-items"));
    expect(firstAssignment).toBeGreaterThan(4);
    expect(writes.slice(firstAssignment).filter((request) => /^POST (?!comments|labels)/.test(request))).toEqual([]);
    expect(await readPlanInPlane(app)).toEqual(EXPECTED_PLAN[version]);
    expect(last).toMatchObject({ project: "WEBS", done: ["WEBS-1", "WEBS-2", "WEBS-3", "WEBS-4"], problems: [] });
    expect(last.tasks.map(({ id, key, blocked_by }) => [id, key, ...blocked_by])).toEqual([
      ["draw", "WEBS-1"],
      ["text", "WEBS-2", "WEBS-1"],
      ["page", "WEBS-3", "WEBS-1", "WEBS-2", "ONB-1"],
      ["idea", "WEBS-4"],
    ]);
    expect(calls).toBe(2);
    await app.runUntilIdle();
    const requests = await app.recordRequests(() => plan());
    expect(requests).toEqual([]);
    expect((await app.actAs("Imhotep").list({})).tasks.map(({ key }) => key)).toEqual(["WEBS-1"]);
    await app.runUntilIdle();
    expect((await app.actAs("Thot").list({})).tasks.map(({ key, startable }) => [key, startable])).toEqual([
      ["WEBS-3", false],
      ["WEBS-2", false],
    ]);
  });
});

test("all problems of a plan are returned at once, and nothing is written", async () => {
  const { app, plan } = await createPlanApp();
  const tasks = [
    { id: "a", title: "", blocked_by: ["b"] },
    { id: "b", title: "B", blocked_by: ["c"], assignee: "Nobody" },
    { id: "c", title: "C", blocked_by: ["a", "zzz"], due_date: "soon" },
    { id: "c", title: "D" },
  ];
  const problems = [
    'two tasks have the id "c"',
    "a: the title is empty",
    'c: "soon" is not a valid date; write YYYY-MM-DD',
    'There is no user "Nobody"',
    'blocked_by "zzz" is neither an id of this plan nor the key of an existing task',
    'Use "R D"',
  ];
  const refused = plan({ project: "R&D", tasks });
  for (const message of problems) await expect(refused).rejects.toThrow(message);
  const result = await plan({ project: "R&D", tasks, dry_run: true });
  expect(result.problems).toHaveLength(problems.length);
  const writes = app.plane.ledger.requests.filter(({ method, api }) => api && method !== "GET");
  expect(writes).toEqual([]);
});

test("OPENCLAW-14 a plan with a dependency cycle is refused with the path", async () => {
  const { plan } = await createPlanApp();
  const tasks = [
    { id: "a", title: "A", blocked_by: ["b"] },
    { id: "b", title: "B", blocked_by: ["c"] },
    { id: "c", title: "C", blocked_by: ["a"] },
  ];
  await expect(plan({ tasks })).rejects.toThrow("dependency cycle: a → b → c → a");
});

test("OPENCLAW-11 a plan over budget and a plan without enough history get warnings", async () => {
  const { plan } = await createPlanApp("1.3.1", { config: { budget: { amount: 1 }, plan: { approve: false } } });
  const { warnings, cost } = await plan({ dry_run: true });
  expect(cost).toEqual({ estimated: 2, unknown: 2, spent: 0, open: 0, budget: 1, currency: "EUR" });
  expect(warnings).toEqual([
    "over budget: the plan costs about 2 EUR, and of this month's 1 EUR 0 are spent and 0 estimated for open tasks",
    "not enough history to estimate the cost of page, text; give an estimate",
  ]);
});

test("a plan for an existing project adds to it, and can be extended later", async () => {
  const { app, plane, plan } = await createPlanApp();
  const one = { id: "1", title: "Tour", blocked_by: ["ONB-1"] };
  await callUntilPlanned(app, () => plan({ project: "ONB", tasks: [one] }));
  app.advance(60_000);
  await callUntilPlanned(app, () =>
    plan({ project: "ONB", tasks: [one, { id: "2", title: "Fair", blocked_by: ["1"] }] }),
  );
  app.advance(60_000);
  await callUntilPlanned(app, () => plan({ project: "ONB", tasks: [{ id: "1", title: "Map" }] }));
  expect(plane.items(app.onb).map(({ name }) => name)).toEqual(["Guide", "Tour", "Fair", "Map"]);
});

test("OPENCLAW-20 a plan whose key has used up its quota continues when there is some again", async () => {
  const { app, plan } = await createPlanApp("1.3.1", { rateLimit: 20 });
  const { last } = await callUntilPlanned(app, () => plan());
  expect(last.done).toHaveLength(4);
  expect(await readPlanInPlane(app)).toEqual(EXPECTED_PLAN["1.3.1"]);
  expect(app.plane.ledger.requests.filter(({ status }) => status === 429)).toEqual([]);
});
