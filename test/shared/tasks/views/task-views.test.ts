import fc from "fast-check";
import { expect, test } from "vitest";
import { shortenTaskAnswers, type TaskAnswer } from "../../../../shared/tasks/views/task-list.ts";
import { createAgentTaskApp, createAgentTestApp } from "../../../support/agent-test-app.ts";
import { getTool } from "../../../support/get-tool.ts";
import { createHttpTestApp } from "../../../support/http-test-app.ts";

const toKeys = ({ tasks }: { tasks: { key: string }[] }) => tasks.map(({ key }) => key);

test("OPENCLAW-02 list_my_tasks lists the caller's open tasks without a request to Plane: held ones first, then by priority, due date and age, with blocked ones last", async () => {
  const app = await createAgentTestApp();
  const blocker = app.addTask("1 blocker", "Imhotep", { priority: "urgent" });
  app.plane.relate(app.addTask("2 blocked", "Thot", { priority: "urgent" }), blocker);
  app.addTask("3 old and low", "Thot", { priority: "low" });
  app.advance(1_000);
  app.addTask("4 held", "Thot", { priority: "none" });
  app.addTask("5 due later", "Thot", { priority: "high", target_date: "2026-12-24" });
  app.addTask("6 due", "Thot", { priority: "high", target_date: "2026-12-01" });
  app.addTask("7 never due", "Thot", { priority: "high" });
  app.advance(1_000);
  app.addTask("8 young and low", "Thot", { priority: "low" });
  app.addTask("9 marked", "Thot", { priority: "urgent", labels: [app.plane.addLabel(app.onb, "blocked")] });
  app.addTask("10 somebody is at it", ["Thot", "Imhotep"], { priority: "urgent" });
  const labels = [app.plane.addLabel(app.onb, "review")];
  app.addTask("11 in review", "Thot", { state: "In Progress", labels });
  app.addTask("Done already", "Thot", { state: "Done" });
  await app.runFirstPoll();
  await app.actAs("Thot").claim("ONB-4");
  await app.actAs("Imhotep").claim("ONB-10");
  const list = await app.actAs("Thot").list({});
  expect(await app.recordRequests(() => app.actAs("Thot").list({}))).toEqual([]);
  expect(getTool("list_my_tasks").output.parse(list)).toEqual(list);
  expect(toKeys(list)).toEqual(["4", "6", "5", "7", "3", "8", "10", "11", "2", "9"].map((number) => `ONB-${number}`));
  const isoTime = expect.stringMatching(/Z$/);
  const blocked_by = [{ key: "ONB-1", status: "todo" }];
  for (const [key, fields] of Object.entries({
    "ONB-4": { held_until: isoTime },
    "ONB-2": { status: "todo", blocked_by, startable: false, why_not: "ONB-2 waits for ONB-1 (Imhotep)." },
    "ONB-9": { status: "blocked", why_not: "ONB-9 is marked as blocked in Plane." },
    "ONB-10": { startable: false, why_not: expect.stringMatching(/^Imhotep has worked on ONB-10 since/) },
    "ONB-11": { startable: false, why_not: expect.stringContaining("the review of Thot's work") },
  }))
    expect(list.tasks.find((task) => task.key === key)).toMatchObject(fields);
});

test("OPENCLAW-02 list_my_tasks is refused before the first read of Plane, returns the age of its data and, with fresh, reads Plane first", async () => {
  const app = await createAgentTestApp();
  const list = (fresh = false) => app.actAs("Thot").list({ fresh });
  app.addTask("Write it down", "Thot");
  const message = expect.stringContaining("has not read Plane yet");
  for (const fresh of [false, true]) await expect(list(fresh)).rejects.toMatchObject({ code: "unavailable", message });
  await app.runFirstPoll();
  app.advance(120_000);
  app.addTask("Brand new", "Thot");
  const old = await list();
  expect([toKeys(old), old.age_s >= 120]).toEqual([["ONB-1"], true]);
  const asked = await app.recordRequests(async () => {
    const fresh = await list(true);
    expect([toKeys(fresh), fresh.age_s < 5]).toEqual([["ONB-1", "ONB-2"], true]);
  });
  expect(asked).toEqual(["GET work-items"]);
});

test("OPENCLAW-02 list_my_tasks returns at most 50 tasks, whose texts are on one line without invisible characters, and counts the others", async () => {
  const app = await createAgentTestApp();
  const description_html = "<h1></h1><ul><li>a\u2066b</li></ul>";
  app.addTask("Wri\u202ete\u0000 it\u001b[31m\u200b down\nnow", "Thot", { description_html, priority: "urgent" });
  for (let i = 0; i < 59; i++)
    app.addTask(`${i} Überschrift über alles, was 書かれる ${"very ".repeat(40)}long`, "Thot");
  await app.runFirstPoll();
  const { tasks, left_out } = await app.actAs("Thot").list({});
  expect([new Set(tasks.map(({ key }) => key)).size, left_out]).toEqual([50, 10]);
  expect(tasks[0]?.title).toMatch(/^Write it \[31m/);
  for (const { title } of tasks.slice(1)) expect(title).toMatch(/^\d+ Überschrift/);
});

/** Size as MCP sends it: JSON in a string within JSON. */
const measureJson = (value: unknown) => Buffer.byteLength(JSON.stringify(JSON.stringify(value))) - 2;

const PLAIN_TASK: TaskAnswer = {
  ...{ id: "8d2a2d5e-6a43-4d6e-9f0b-0d3a7b1c2e4f", key: "ONB-12", title: "Write the welcome mail" },
  ...{ description: "Say what it is for.", status: "in_progress", priority: "urgent", due_date: "2026-12-24" },
  ...{ project: "ONB", blocked_by: [], url: "https://plane.example.com/javisi/browse/ONB-12/" },
};

function createBlockedTask(by: number, task: Partial<TaskAnswer> = {}): TaskAnswer {
  const blocked_by = Array.from({ length: by }, (_, i) => ({ key: `ONB-${100 + i}`, status: "in_progress" as const }));
  const why_not = `waits for ${blocked_by.map(({ key }) => key).join(", ")}`;
  return { ...PLAIN_TASK, blocked_by, startable: false, why_not, ...task };
}

test("OPENCLAW-02 the tasks of a list keep their identifying fields complete and split no character, in any language", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 120 }),
    fc.constantFrom("👩‍👩‍👧‍👦".repeat(10), "日本語の題名".repeat(20), '"\\'.repeat(60), "\u0001".repeat(120), ""),
  );
  const fields = fc.record({ title: text, description: text, by: fc.nat(5), held: fc.boolean() });
  fc.assert(
    fc.property(fc.array(fields, { maxLength: 12 }), (list) => {
      const given = list.map(({ title, description, by, held }) => {
        const wellFormed = { title: title.toWellFormed(), description: description.toWellFormed() };
        const holding = { ...PLAIN_TASK, ...wellFormed, held_until: "2026-11-21T08:00:00.000Z" };
        return held ? holding : createBlockedTask(by, wellFormed);
      });
      const tasks = shortenTaskAnswers(given);
      const withoutTexts = given.map((task) => ({ ...task, title: "t".repeat(20), description: "" }));
      expect(measureJson({ tasks, age_s: 12 })).toBeLessThanOrEqual(Math.max(4_096, measureJson(withoutTexts) + 80));
      for (const [i, { title, description, ...rest }] of tasks.entries()) {
        expect(given[i]).toMatchObject(rest);
        expect(title.isWellFormed() && description.isWellFormed()).toBe(true);
        if (given[i]?.title !== "") expect(title).not.toBe("");
      }
    }),
    { numRuns: process.env["FULL"] ? 5_000 : 50 },
  );
});

async function createTeamApp() {
  const app = await createHttpTestApp();
  const website = app.plane.addProject({ name: "Website", identifier: "WEB" });
  const plan = app.addTask("Draw the plan", "Thot", { priority: "high", target_date: "2026-12-01" });
  app.plane.relate(app.addTask("Build the wall", "Imhotep"), plan);
  app.addTask("Old idea", [], { state: "Cancelled" });
  app.addTask("Landing page", [], {}, website);
  await app.runFirstPoll();
  await app.runUntilIdle();
  const search = async (filters: object = {}) => (await app.callTool("Concierge", "list_tasks", filters)).json;
  return { app, search };
}

test("OPENCLAW-08 list_tasks returns the open tasks of all projects and agents that have the given properties, without a request to Plane", async () => {
  const { app, search } = await createTeamApp();
  await app.callTool("Thot", "claim_task", { task: "ONB-1" });
  await app.runUntilIdle();
  const plan = { key: "ONB-1", title: "Draw the plan", priority: "high", due: "2026-12-01", held_by: "Thot" };
  const wall = { key: "ONB-2", title: "Build the wall", agents: ["Imhotep"], blocked_by: ["ONB-1"] };
  const page = { key: "WEB-1", title: "Landing page" };
  const tasks = [{ ...plan, agents: ["Thot"] }, wall, page].map((task) => ({ ...task, status: "todo" }));
  const searches: [object, string[]][] = [
    [{ project: "web" }, ["WEB-1"]],
    [{ project: "Website", status: "done" }, []],
    [{ status: "cancelled" }, ["ONB-3"]],
    [{ status: "all" }, ["ONB-1", "ONB-2", "ONB-3", "WEB-1"]],
    [{ agent: "imhotep" }, ["ONB-2"]],
    [{ agent: "none", status: "all" }, ["ONB-3", "WEB-1"]],
    [{ text: "WALL build" }, ["ONB-2"]],
    [{ text: "onb-1" }, ["ONB-1"]],
    [{ text: "nothing like it" }, []],
  ];
  const requests = await app.recordRequests(async () => {
    expect(await search()).toEqual({ tasks, total: 3 });
    for (const [filters, keys] of searches) {
      const found = { tasks: keys.map((key) => ({ key })), total: keys.length };
      expect(await search(filters), JSON.stringify(filters)).toMatchObject(found);
    }
  });
  expect(requests).toEqual([]);
});

test("list_projects returns each project with its progress, time and cost without a request to Plane", async () => {
  const { app } = await createTeamApp();
  await app.callTool("Thot", "update_task_status", { task: "ONB-1", status: "in_progress" });
  app.advance(90_000);
  await app.callTool("Thot", "report", { task: "ONB-1", cost: 1.5 });
  await app.callTool("Thot", "stop_timer", { task: "ONB-1" });
  await app.runUntilIdle();
  const onb = { project: "ONB", name: "Onboarding", total: 3, closed: 1, in_progress: 1, blocked: 1, cost: 1.5 };
  const website = { project: "WEB", name: "Website", total: 1, closed: 0 };
  const requests = await app.recordRequests(async () => {
    const { json } = await app.callTool("Concierge", "list_projects", {});
    expect(json).toEqual({ projects: [{ ...onb, spent_s: expect.any(Number) }, website] });
  });
  expect(requests).toEqual([]);
});

async function createDetailsApp() {
  const list = "<p>Done when:</p><ul><li>file report.pdf</li></ul>";
  const description_html = `<h2>Plan</h2><p>All of <strong>it</strong>.</p>${list}`;
  const { app, item } = await createAgentTaskApp("Thot", {}, { description_html });
  return { app, item, read: () => app.actAs("Thot").details("ONB-1") };
}

test("OPENCLAW-03 task details contain the text as Markdown, comments, history, attachments, times, the holder and the done criteria", async () => {
  const { app, item, read } = await createDetailsApp();
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress", session: "openclaw-session-1" });
  await app.runUntilIdle();
  app.advance(60_000);
  app.plane.addComment(item, "<p>Mind the <em>gap</em></p>");
  const details = await read();
  expect(getTool("get_task_details").output.parse(details)).toEqual(details);
  const change = { by: "thot", what: "updated state", from: "Backlog", to: "In Progress" };
  expect(details).toMatchObject({
    ...{ key: "ONB-1", status: "in_progress", held_until: expect.any(String), claim: { agent: "Thot" } },
    text: expect.stringContaining("## Plan\n\nAll of **it**."),
    agent: { name: "Thot", session: "openclaw-session-1" },
    done_when: { summary: true, files: ["report.pdf"] },
    comments: { latest: expect.arrayContaining([expect.objectContaining({ by: "ada", text: "Mind the *gap*" })]) },
    history: { latest: expect.arrayContaining([expect.objectContaining(change)]) },
    attachments: { latest: [] },
    time: { latest: [{ agent: "Thot", from: expect.any(String) }], totals_s: { Thot: expect.any(Number) } },
  });
  expect(JSON.stringify(details.comments)).not.toContain("Agent card");
});

test("task details are read with one request to Plane, and with three more at once when the task has changed", async () => {
  const { app, item, read } = await createDetailsApp();
  app.plane.editItem(item, { name: "Write it up", state: "In Progress" });
  app.dropWebhooks();
  const began = app.time.now;
  const readRequests = async () => (await app.recordRequests(read)).sort();
  const parts = ["", "/activities", "/attachments", "/comments"].map((part) => `GET work-items/:id${part}`);
  expect(await readRequests()).toEqual(parts);
  expect(await readRequests()).toEqual(["GET work-items/:id"]);
  app.plane.addComment(item, "<p>One more wish</p>");
  app.plane.runWorker();
  expect(await readRequests()).toEqual(parts);
  expect(app.time.now - began).toBe(0);
  const { title, status, comments } = await read();
  expect([title, status, comments.latest.at(-1)?.text]).toEqual(["Write it up", "in_progress", "One more wish"]);
});

test("OPENCLAW-14 the agent of a task may read what its task waits for, before and after that is done, and nothing else", async () => {
  const { app, item } = await createDetailsApp();
  const successor = app.addTask("Publish it", "Imhotep");
  app.addTask("Keep it secret", "Thot");
  app.plane.relate(successor, item);
  const read = (key: string) => app.actAs("Imhotep").details(key);
  await app.pollUntilIdle();
  expect(await read("ONB-1")).toMatchObject({ key: "ONB-1" });
  app.plane.editItem(item, { state: "Done" });
  await app.pollUntilIdle();
  expect(await read("ONB-1")).toMatchObject({ status: "done" });
  expect((await read("ONB-2")).inputs).toEqual([{ key: "ONB-1", title: "Write it down", status: "done" }]);
  await expect(read("ONB-3")).rejects.toMatchObject({ code: "forbidden" });
  app.plane.editItem(successor, { state: "Done" });
  await app.pollUntilIdle();
  await expect(read("ONB-1")).rejects.toMatchObject({ code: "forbidden" });
});

test("task details show the latest entries of long lists, and texts of others without invisible characters, limited in length", async () => {
  const { app, item, read } = await createDetailsApp();
  app.plane.editItem(item, { description_html: `<p>one\u202e\u0007two</p><p>${"x".repeat(20_000)}</p>` });
  for (let i = 1; i <= 25; i++) {
    app.advance(1_000);
    app.plane.addComment(item, i === 25 ? `<p>a\u2066b</p><p>${"y".repeat(5_000)}</p>` : `<p>Comment ${i}</p>`);
  }
  const { text, comments } = await read();
  expect(text).toMatch(/^onetwo\n\nx+…$/);
  expect(text).toHaveLength(10_000);
  const texts = Array.from({ length: 19 }, (_, i) => `Comment ${i + 6}`);
  expect(comments.left_out).toBe(5);
  expect(comments.latest.map((comment) => comment.text)).toEqual([...texts, expect.stringMatching(/^ab\n\ny+…$/)]);
});
