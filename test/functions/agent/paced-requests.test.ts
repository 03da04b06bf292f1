import { expect, test } from "vitest";
import { TOOLS } from "../../../functions/agent/tools.ts";
import { createWorkRules } from "../../../functions/work/work-rules.ts";
import type { Settings } from "../../../shared/config/settings.ts";
import { activitiesApi } from "../../../shared/plane/activities-links.ts";
import { attachmentsApi } from "../../../shared/plane/attachments.ts";
import { MINUTE, type Ms } from "../../../shared/time.ts";
import { createHttpTestApp } from "../../support/http-test-app.ts";

/** Two requests at the agent's pace: the first one is sent at once, the second one 1,020 ms later. */
const TWO_PACED_REQUESTS_MS = 1_020;

type App = Awaited<ReturnType<typeof createHttpTestApp>>;
type Input = Record<string, unknown>;

/** ONB-1 and ONB-2 of Imhotep, ONB-3 of Thot, ONB-4 of nobody, and ONB-5 of Imhotep that waits for ONB-3. */
async function createPacedApp(options: Parameters<typeof createHttpTestApp>[0] = {}) {
  const parts = { ruleSets: ({ agents }: Settings) => [createWorkRules(agents)] };
  const app = await createHttpTestApp({ parts, ...options });
  app.addTask("Write the guide", "Imhotep", { description_html: "<p>Done when:</p><ul><li>file guide.md</li></ul>" });
  app.addTask("Print the guide", "Imhotep");
  const pictures = app.addTask("Draw the pictures", "Thot");
  app.addTask("Paint the door");
  app.plane.relate(app.addTask("Publish the guide", "Imhotep"), pictures);
  await app.runFirstPoll();
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

const guide = btoa("# Guide");
const start = (task: string) => ["Imhotep", "update_task_status", { task, status: "in_progress" }] as const;

interface Case {
  title: string;
  agent?: string;
  tool: string;
  input: Input;
  /** Calls before the measured one. */
  before?: (readonly [agent: string, tool: string, input: Input])[];
  /** Time between those calls and the measured one. */
  idle?: Ms;
  /** Expected status of the answer. */
  status?: number;
}

const CASES: Case[] = [
  { title: "claims a task", tool: "claim_task", input: { task: "ONB-1" } },
  {
    title: "starts a task",
    tool: "update_task_status",
    input: { task: "ONB-1", status: "in_progress", session: "openclaw-session-6e2f8f0a-6a0e-4c0b-9d53-0e6c1a3b9f10" },
  },
  {
    title: "finishes a task",
    tool: "update_task_status",
    before: [start("ONB-2")],
    input: { task: "ONB-2", status: "done", text: "Printed.", cost: 2, commit: "abc", tests: "12 passed" },
  },
  {
    title: "finishes a task that a human must review",
    tool: "update_task_status",
    before: [start("ONB-2")],
    input: { task: "ONB-2", status: "done", text: "Printed.", confidence: 0.1 },
  },
  {
    title: "finishes a task with a required file",
    tool: "update_task_status",
    before: [start("ONB-1"), ["Imhotep", "upload_deliverable", { task: "ONB-1", name: "guide.md", file: guide }]],
    input: { task: "ONB-1", status: "done", text: "Written." },
  },
  {
    title: "blocks a task",
    tool: "update_task_status",
    before: [start("ONB-1")],
    input: { task: "ONB-1", status: "blocked", text: "The printer is broken." },
  },
  {
    title: "cancels a task",
    tool: "update_task_status",
    before: [start("ONB-1")],
    input: { task: "ONB-1", status: "cancelled", text: "Not needed." },
  },
  {
    title: "returns a task",
    tool: "update_task_status",
    before: [start("ONB-1")],
    input: { task: "ONB-1", status: "todo", text: "Later." },
  },
  {
    title: "blocks another agent's task as the Concierge",
    agent: "Concierge",
    tool: "update_task_status",
    input: { task: "ONB-1", status: "blocked", text: "Wait for the budget." },
  },
  {
    title: "repeats a status with a text",
    tool: "update_task_status",
    before: [start("ONB-1")],
    input: { task: "ONB-1", status: "in_progress", text: "Still." },
  },
  {
    title: "is refused to finish a task without its file",
    tool: "update_task_status",
    before: [start("ONB-1")],
    input: { task: "ONB-1", status: "done", text: "Written." },
    status: 409,
  },
  {
    title: "is refused to start a task that waits",
    tool: "update_task_status",
    input: { task: "ONB-5", status: "in_progress" },
    status: 409,
  },
  {
    title: "is refused to start another agent's task",
    tool: "update_task_status",
    input: { task: "ONB-3", status: "in_progress" },
    status: 403,
  },
  {
    title: "is refused a task that does not exist",
    tool: "update_task_status",
    input: { task: "ONB-99", status: "in_progress" },
    status: 404,
  },
  {
    title: "has lost its claim",
    tool: "update_task_status",
    before: [start("ONB-1")],
    idle: 16 * MINUTE,
    input: { task: "ONB-1", status: "blocked", text: "The printer is broken." },
    status: 409,
  },
  {
    title: "comments",
    tool: "add_comment",
    input: { task: "ONB-1", text: "Half way.", kind: "progress", percent: 50, critical: true },
  },
  {
    title: "asks the human",
    tool: "ask_human",
    input: { task: "ONB-1", text: "Which colour?", choices: ["red", "blue"] },
  },
  { title: "reports", tool: "report", input: { task: "ONB-1", percent: 50, cost: 1 } },
  { title: "starts a timer", tool: "start_timer", input: { task: "ONB-1" } },
  {
    title: "stops a timer",
    tool: "stop_timer",
    before: [["Imhotep", "start_timer", { task: "ONB-1" }]],
    input: { task: "ONB-1" },
  },
  {
    title: "uploads a file",
    tool: "upload_deliverable",
    input: { task: "ONB-1", name: "guide.md", file: guide, text: "The guide." },
  },
  {
    title: "uploads the same file again",
    tool: "upload_deliverable",
    before: [["Imhotep", "upload_deliverable", { task: "ONB-1", name: "guide.md", file: guide }]],
    input: { task: "ONB-1", name: "guide.md", file: guide },
  },
  {
    title: "is refused a file type",
    tool: "upload_deliverable",
    input: { task: "ONB-1", name: "guide.exe", file: guide },
    status: 415,
  },
  {
    title: "creates a task",
    agent: "Concierge",
    tool: "create_task",
    input: { project: "ONB", title: "Read it", assignee: "Thot" },
  },
  {
    title: "creates a task with blockers and an assignee",
    agent: "Concierge",
    tool: "create_task",
    input: { project: "ONB", title: "Sell it", assignee: "Thot", blocked_by: ["ONB-1", "ONB-3"], priority: "high" },
  },
  {
    title: "is refused a task for an unknown assignee",
    agent: "Concierge",
    tool: "create_task",
    input: { project: "ONB", title: "Read it", assignee: "Nobody" },
    status: 400,
  },
  {
    title: "changes all fields of a task",
    agent: "Concierge",
    tool: "update_task",
    input: { task: "ONB-4", title: "Paint it", text: "Red.", assignee: "Thot", add_blockers: ["ONB-1"] },
  },
  {
    title: "replaces a blocker of a task",
    agent: "Concierge",
    tool: "update_task",
    input: { task: "ONB-5", add_blockers: ["ONB-1"], remove_blockers: ["ONB-3"], priority: "low" },
  },
  {
    title: "is refused a cycle",
    agent: "Concierge",
    tool: "update_task",
    input: { task: "ONB-3", add_blockers: ["ONB-5"] },
    status: 400,
  },
  { title: "creates a project", agent: "Concierge", tool: "create_project", input: { name: "Website relaunch" } },
  {
    title: "repeats the creation of a project",
    agent: "Concierge",
    tool: "create_project",
    before: [["Concierge", "create_project", { name: "Website relaunch" }]],
    input: { name: "Website relaunch" },
  },
];

test("every tool that writes is measured, except plan_project, whose steps take one request each", () => {
  const writing = TOOLS.filter(({ hints }) => !hints.readOnly).map(({ name }) => name);
  const measured = new Set(CASES.map(({ tool }) => tool));
  expect(writing.filter((name) => !measured.has(name))).toEqual(["plan_project"]);
});

test.each(CASES)(
  "OPENCLAW-20 $tool sends at most two requests at the agent's pace when it $title",
  async ({ agent = "Imhotep", tool, input, before = [], idle, status = 200 }) => {
    const app = await createPacedApp();
    for (const [caller, name, given] of before) {
      expect((await app.callTool(caller, name, given)).status).toBe(200);
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
  app.plane.runWorker();
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
  await app.callTool("Concierge", "create_task", {
    project: "ONB",
    title: "Sell it",
    assignee: "Thot",
    blocked_by: ["ONB-3"],
  });
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
