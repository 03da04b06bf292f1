import { expect, test } from "vitest";
import { projectsApi } from "../../../../shared/plane/projects.ts";
import { readUnclosedWishes } from "../../../../shared/tasks/wishes.ts";
import { type AgentTestApp, createAgentTestApp } from "../../../support/agent-test-app.ts";

const WEBSITE = {
  project: "Website",
  tasks: [
    { id: "page", title: "Page", assignee: "Thot", blocked_by: ["draw", "text", "ONB-1"], due_date: "2026-12-01" },
    { id: "draw", title: "Drawing", assignee: "Imhotep", priority: "high", estimate: { minutes: 30, cost: 2 } },
    { id: "text", title: "Text", description: "In *French*.", assignee: "Thot", blocked_by: ["draw"] },
    { id: "idea", title: "Idea" },
  ],
} as const;

type Plan = Parameters<ReturnType<AgentTestApp["actAs"]>["plan"]>[0];

async function createPlanApp(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const app = await createAgentTestApp({ ...options, config: { plan: { approve: false }, ...options.config } });
  app.addTask("Guide");
  await app.runFirstPoll(60_000);
  /** Plans for a person's wish, one for each plan. */
  const plan = async (given: Partial<Plan> = {}) => {
    const name = JSON.stringify(given);
    const wishes = await readUnclosedWishes(app.deps, "Concierge");
    if (!wishes.some(({ text }) => text === name)) await app.addWish(name);
    return app.actAs("Concierge").plan({ ...(WEBSITE as unknown as Plan), ...given });
  };
  return {
    ...{ app, plane: app.plane, plan },
    /** Calls, lets the plan be carried out, and calls again. */
    async complete(given: Partial<Plan> = {}) {
      const { retry_after } = await plan(given);
      expect(retry_after).toBeGreaterThan(0);
      await app.runUntilIdle();
      const answer = await plan(given);
      expect(answer.remaining).toBe(0);
      app.advance(60_000);
      return answer;
    },
    /** The state of the plan in Plane, one line per task. */
    async readPlan(): Promise<string[]> {
      const { data } = await app.deps.plane.call(projectsApi.list);
      const made = data.results.filter(({ name }) => name === "Website");
      expect(made).toHaveLength(1);
      return app.plane.items(made[0]?.id ?? "").map((item) => {
        const { name, assignees, labels, priority, target_date } = app.readPlaneItem(item);
        const waits = app.plane.blockers(item).map((id) => app.plane.item(id)?.name ?? "?");
        const lines = /Blocked by: ([^<]*)/.exec(item.description_html)?.[1];
        const fields = [assignees.join(), labels.join(), priority, target_date ?? "-", lines ?? waits.sort().join()];
        return [name, ...fields].join(" | ");
      });
    },
  };
}

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
  expect(tasks.map(({ key, startable }) => [key, startable])).toEqual([
    ["WEBS-3", false],
    ["WEBS-2", false],
  ]);
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
  const cycle = ["abc", "bca"].map((order) => [...order]);
  const inCycle = (cycle[0] ?? []).map((id, i) => ({ id, title: id, blocked_by: [cycle[1]?.[i] ?? ""] }));
  await expect(plan({ tasks: inCycle })).rejects.toThrow("dependency cycle: a → b → c → a");
  const writes = app.plane.ledger.requests.filter(({ method, api }) => api && method !== "GET");
  expect(writes).toEqual([]);
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
