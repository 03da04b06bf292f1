import { expect, test } from "vitest";
import { TOOLS } from "../../../functions/agent/tools.ts";
import { createWorkRules } from "../../../functions/work.ts";
import type { Settings } from "../../../shared/config/settings.ts";
import { attachmentsApi } from "../../../shared/plane/attachments.ts";
import { activitiesApi } from "../../../shared/plane/work-items.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createHttpTestApp } from "../../support/http-test-app.ts";

/** Two requests at the agent's pace: the first one is sent at once, the second one 1,020 ms later. */
const TWO_PACED_REQUESTS_MS = 1_020;

type App = Awaited<ReturnType<typeof createHttpTestApp>>;
type Input = Record<string, unknown>;

/** The content of a file in base64. */
const guide = btoa("# Guide");

type Call = readonly [tool: string, input: Input];

const DONE = { status: "done", text: "Written." };
const BLOCKED: Call = ["update_task_status", { task: "ONB-1", status: "blocked", text: "The printer is broken." }];
const start = (task: string): Call => ["update_task_status", { task, status: "in_progress" }];
const upload: Call = ["upload_deliverable", { task: "ONB-1", name: "guide.md", file: guide }];
const create: Call = ["create_project", { name: "Website relaunch" }];
const sell = { project: "ONB", title: "Sell it", assignee: "Thot", blocked_by: ["ONB-3"] };
const replace = { task: "ONB-5", add_blockers: ["ONB-1"], remove_blockers: ["ONB-3"], priority: "low" };

/** Calls on the tasks of `createPacedApp`, each after other ones, and the status of its answer. */
const PACED_CALLS: [title: string, agent: string, call: Call, before?: Call[], status?: number, idle?: number][] = [
  ["claims a task", "Imhotep", ["claim_task", { task: "ONB-1" }]],
  [
    "finishes a task with a required file",
    "Imhotep",
    ["update_task_status", { task: "ONB-1", ...DONE }],
    [start("ONB-1"), upload],
  ],
  ["needs a review", "Imhotep", ["update_task_status", { task: "ONB-2", ...DONE, confidence: 0.1 }], [start("ONB-2")]],
  ["blocks a task", "Imhotep", BLOCKED, [start("ONB-1")]],
  [
    "finishes a task without its file",
    "Imhotep",
    ["update_task_status", { task: "ONB-1", ...DONE }],
    [start("ONB-1")],
    409,
  ],
  ["starts a task that waits", "Imhotep", start("ONB-5"), [], 409],
  ["has lost its claim", "Imhotep", BLOCKED, [start("ONB-1")], 409, 16 * MINUTE],
  [
    "comments",
    "Imhotep",
    ["add_comment", { task: "ONB-1", text: "Half.", kind: "progress", percent: 50, critical: true }],
  ],
  ["asks the human", "Imhotep", ["ask_human", { task: "ONB-1", text: "Which colour?", choices: ["red", "blue"] }]],
  ["reports", "Imhotep", ["report", { task: "ONB-1", percent: 50, cost: 1 }]],
  ["starts a timer", "Imhotep", ["start_timer", { task: "ONB-1" }]],
  ["stops a timer", "Imhotep", ["stop_timer", { task: "ONB-1" }], [["start_timer", { task: "ONB-1" }]]],
  ["uploads a file", "Imhotep", ["upload_deliverable", { ...upload[1], text: "The guide." }]],
  ["creates a task with blockers", "Concierge", ["create_task", { ...sell, blocked_by: ["ONB-1", "ONB-3"] }]],
  ["replaces a blocker of a task", "Concierge", ["update_task", replace]],
  ["repeats the creation of a project", "Concierge", create, [create]],
];

/** ONB-1 and ONB-2 of Imhotep, ONB-3 of Thot, ONB-4 of nobody, and ONB-5 of Imhotep that waits for ONB-3. */
async function createPacedApp(options: Parameters<typeof createHttpTestApp>[0] = {}) {
  const parts = { ruleSets: ({ agents }: Settings) => [createWorkRules(agents)] };
  const app = await createHttpTestApp({ parts, ...options });
  app.addTask("Write the guide", "Imhotep", { description_html: "<p>Done when:</p><ul><li>file guide.md</li></ul>" });
  app.addTask("Print the guide", "Imhotep");
  const pictures = app.addTask("Draw the pictures", "Thot");
  app.addTask("Paint the door");
  app.plane.relate(app.addTask("Publish the guide", "Imhotep"), pictures);
  app.plane.addCycle(app.onb, { name: "Sprint 1", start_date: "2026-11-20", end_date: "2026-12-04" });
  app.plane.addModule(app.onb, { name: "House" });
  await app.runFirstPoll();
  await app.addWish();
  await settle(app);
  return app;
}

/** Runs the jobs that are due, and waits until the agents' pace and their limit of unpaced requests have recovered. */
async function settle(app: App, idle = 2 * MINUTE) {
  await app.deps.drain();
  app.advance(idle);
  await app.deps.drain();
}

/** Calls a tool from an idle start; returns its answer, the time it waited, and the requests with the agent's own key. */
async function measureCall(app: App, agent: string, tool: string, input: Input) {
  const [startedAt, before] = [app.time.now, app.plane.ledger.requests.length];
  const { status, json } = await app.callTool(agent, tool, input);
  const waited = app.time.now - startedAt;
  const requests = app.plane.ledger.requests.slice(before).filter(({ api }) => api);
  const own = requests
    .filter(({ owner }) => owner === app.getUser(agent).id)
    .map(({ method, path }) => `${method} ${path}`);
  return { status, json, waited, own };
}

test("every tool that writes is measured, except plan_project and schedule_work, whose steps take one request each, and message_human, which sends none to Plane", () => {
  const writing = TOOLS.filter(({ isReadOnly }) => !isReadOnly).map(({ name }) => name);
  const measured = new Set(PACED_CALLS.map(([, , [tool]]) => tool));
  expect(writing.filter((name) => !measured.has(name))).toEqual(["plan_project", "schedule_work", "message_human"]);
});

test.each(PACED_CALLS)(
  "OPENCLAW-20 a call sends at most two requests at the agent's pace when an agent %s",
  async (_, agent, [tool, input], before = [], status = 200, idle = undefined) => {
    const app = await createPacedApp();
    for (const [name, given] of before) {
      expect((await app.callTool(agent, name, given)).status).toBe(200);
      await settle(app, idle);
    }
    const call = await measureCall(app, agent, tool, input);
    expect(call, JSON.stringify(call.json)).toMatchObject({ status });
    expect(call.own.length, call.own.join("\n")).toBeLessThanOrEqual(2);
    expect(call.waited).toBeLessThanOrEqual(TWO_PACED_REQUESTS_MS);
  },
);

test("the author of a finished task, its comment, its file and its new tasks is the agent", async () => {
  const app = await createPacedApp();
  const [guideItem] = app.plane.items(app.onb).filter(({ name }) => name === "Write the guide");
  if (!guideItem) throw new Error("The task is missing.");
  await app.callTool("Imhotep", "upload_deliverable", { task: "ONB-1", name: "guide.md", file: guide });
  await app.callTool("Imhotep", "update_task_status", { task: "ONB-1", status: "in_progress" });
  await app.callTool("Imhotep", "update_task_status", { task: "ONB-1", status: "done", text: "Written." });
  const id = app.getUser("Imhotep").id;
  await app.runUntilIdle();
  const comments = app.readComments(guideItem).filter((comment) => /Deliverable|Written/.test(comment));
  expect(comments).toEqual([expect.stringMatching(/^Imhotep: /), expect.stringMatching(/^Imhotep: /)]);
  const params = { project: app.onb.id, item: guideItem.id };
  const { data: files } = await app.deps.plane.call(attachmentsApi.list, { params });
  expect(files).toEqual([expect.objectContaining({ is_uploaded: true, created_by: id })]);
  const { data: history } = await app.deps.plane.call(activitiesApi.list, { params });
  const changes = history.results.filter(({ field }) => field === "state" || field === "attachment");
  expect(changes.map(({ field, actor }) => [field, actor])).toEqual([
    ["attachment", id],
    ["state", id],
    ["state", id],
  ]);
  await app.callTool("Concierge", "create_task", sell);
  const created = app.plane.items(app.onb).find(({ name }) => name === "Sell it");
  expect(created && app.readPlaneItem(created)).toMatchObject({
    created_by: app.getUser("Concierge").id,
    updated_by: app.getUser("Concierge").id,
    assignees: ["Thot"],
  });
});

test("OPENCLAW-20 an agent whose calls fail in a loop uses at most 30 of Groundcrew's requests a minute, then its own pace", async () => {
  const app = await createPacedApp();
  const before = app.plane.ledger.requests.length;
  const startedAt = app.time.now;
  for (let calls = 0; calls < 45; calls += 1)
    await app.callTool("Imhotep", "update_task_status", { task: "ONB-1", status: "done", text: "Not started." });
  const requests = app.plane.ledger.requests.slice(before).filter(({ api }) => api);
  const reads = requests.filter(({ path }) => /work-items\/[0-9a-f-]{36}\/\?/.test(path));
  const own = reads.filter(({ owner }) => owner === app.getUser("Imhotep").id);
  expect([reads.length, reads.length - own.length]).toEqual([45, 30]);
  expect(app.time.now - startedAt).toBeGreaterThanOrEqual(14 * 1_020);
  for (const [i, { at }] of own.slice(1).entries()) expect(at - (own[i]?.at ?? 0)).toBeGreaterThanOrEqual(1_020);
});

test("a file that Plane does not let the agent confirm leaves no attachment behind", async () => {
  const app = await createPacedApp();
  const match = { method: "PATCH", path: "/attachments/", owner: app.getUser("Imhotep").id };
  app.plane.faults.add(match, { kind: "status", status: 403 });
  const { status } = await app.callTool("Imhotep", "upload_deliverable", {
    task: "ONB-1",
    name: "guide.md",
    file: guide,
  });
  expect(status).toBe(403);
  const guideItem = app.plane.items(app.onb).find(({ name }) => name === "Write the guide");
  expect(guideItem && app.plane.attachments(guideItem)).toEqual([]);
});

test("while Groundcrew's own quota is used up, an agent's calls are made with the agents' keys and are not refused", async () => {
  const app = await createPacedApp({ rateLimit: 60 });
  // The project's states are known.
  await app.callTool("Imhotep", "update_task_status", { task: "ONB-2", status: "in_progress" });
  await settle(app);
  const ownKey = { headers: { "x-api-key": app.apiKey } };
  for (let n = 0; n < 60; n += 1) await fetch(`${app.settings.plane?.url}/api/v1/users/me/`, ownKey);
  const input = { task: "ONB-1", status: "in_progress" };
  const before = app.plane.ledger.requests.length;
  const { status, json } = await measureCall(app, "Imhotep", "update_task_status", input);
  expect(status, JSON.stringify(json)).toBe(200);
  const reads = app.plane.ledger.requests.slice(before).filter(({ path }) => path.includes("/relations/"));
  const answered = reads.filter((request) => request.status === 200).map(({ owner }) => owner);
  expect(answered.length).toBeGreaterThan(0);
  expect(answered).not.toContain(app.human.id);
  const details = await measureCall(app, "Imhotep", "get_task_details", { task: "ONB-1" });
  expect(details).toMatchObject({ status: 200 });
  const refused = app.plane.ledger.requests.filter((each) => each.status === 429);
  expect(refused.every(({ owner }) => owner === app.human.id)).toBe(true);
});
