import { expect, test } from "vitest";
import { callTool, getResultText } from "../../support/http-test-app.ts";
import { createAppWithSession, createSession, createTicketsApp } from "./tickets-app.ts";

type App = Awaited<ReturnType<typeof createTicketsApp>>;

const DONE = { task: "ONB-1", status: "done", text: "All is *done*", tests: "12 passed" };

test("A session completes its ticket by update_task_status, and a person approves what Plane gets", async () => {
  const { app, item, token } = await createAppWithSession();
  const before = app.readPlaneItem(item).state;
  const client = await app.connectMcpClient("", token);
  const result = await callTool(client, "update_task_status", DONE);
  expect(JSON.parse(getResultText(result))).toMatchObject({ task: "ONB-1", in_review: true });
  expect(app.readPlaneItem(item).state).toBe(before);
  expect(app.readComments(item).filter((text) => text.includes("done"))).toEqual([]);
  const summary = "All is *done*\n\nTests: 12 passed";
  expect((await app.read("/api/completed-tickets")).tickets).toMatchObject([
    { state: "completed", summary, source: "tool", comment_posted: false },
  ]);
  expect((await app.exchange([createSession()])).stop).toMatchObject([{ ticket: "ONB-1", reason: "completed_tool" }]);
  expect((await app.call("/api/update-plane/ONB-1")).json).toMatchObject({ status: "updated" });
  expect(app.readComments(item).filter((text) => text.includes("12 passed"))).toHaveLength(1);
});

test("A session sees and may call three tools, and the refusal of another names the reason", async () => {
  const { app, token } = await createAppWithSession();
  const client = await app.connectMcpClient("", token);
  const { tools } = await client.listTools();
  const names = ["get_task_details", "update_task_status", "download_deliverable"];
  expect(tools.map(({ name }) => name)).toEqual(names);
  const openApi = (await (await app.request("/agent/openapi.json", token)).json()) as { paths: object };
  expect(Object.keys(openApi.paths)).toEqual(names.map((name) => `/agent/${name}`));
  for (const [tool, input] of [
    ["claim_task", { task: "ONB-1" }],
    ["add_comment", { task: "ONB-1", text: "Hello" }],
    ["create_task", { project: "ONB", title: "Another" }],
    ["list_tasks", {}],
  ] as const) {
    const { status, text } = await app.callAsSession(token, tool, input);
    expect([status, text], tool).toEqual([403, expect.stringContaining("is not for sessions")]);
  }
  const upload = "/agent/upload_deliverable?task=ONB-1&name=a.md";
  expect((await app.request(upload, token, { method: "PUT", body: "text" })).status).toBe(403);
});

test("A session may neither start, block nor cancel its ticket, nor complete another one or without a summary", async () => {
  const { app, token, readSession } = await createAppWithSession();
  const update = (change: object) => app.callAsSession(token, "update_task_status", { ...DONE, ...change });
  const refused = { status: 403, text: expect.stringContaining("may only complete its ticket") };
  for (const status of ["todo", "in_progress", "blocked", "cancelled"])
    expect(await update({ status })).toEqual(refused);
  expect(await update({ task: "ONB-2" })).toEqual({ status: 403, text: expect.stringContaining("for ONB-1 only") });
  expect((await update({ text: " " })).status).toBe(400);
  expect(await readSession()).toMatchObject({ state: "running" });
});

test("A session reads its ticket and what blocks it, and no other task", async () => {
  const app = await createTicketsApp();
  const blocker = app.addTask("Draw the plan", []);
  const item = app.addTask("Build it", []);
  app.addTask("Secret", []);
  app.plane.relate(item, blocker);
  await app.deliverUntilIdle();
  await app.call("/api/approve/ONB-2");
  const token = (await app.exchange()).sessions[0]?.token ?? "";
  const read = (task: string) => app.callAsSession(token, "get_task_details", { task });
  expect((await read("ONB-2")).text).toContain("Build it");
  expect((await read("ONB-1")).text).toContain("Draw the plan");
  expect(await read("ONB-3")).toEqual({ status: 403, text: expect.stringContaining("for ONB-2 only") });
  const file = { task: "ONB-3", name: "a.md" };
  expect((await app.callAsSession(token, "download_deliverable", file)).status).toBe(403);
});

test("PEOPLE-01 A session does not complete its ticket before it has read what people wrote, by whatever way it does", async () => {
  const comment = async (app: App, item: { id: string }, html: string) => {
    app.advance(1_000);
    app.plane.addComment(item, html);
    await app.deliverWebhooks();
    // The webhook of an assignment is looked for.
    await app.runUntilIdle();
  };
  const { app, item, token } = await createAppWithSession();
  await comment(app, item, "<p>In French, please</p>");
  const refused = await app.callAsSession(token, "update_task_status", DONE);
  expect(refused.status).toBe(409);
  expect(JSON.parse(refused.text).error.message).toContain('ada wrote to you: "In French, please"');
  await comment(app, item, "<p>And short</p>");
  const details = await app.callAsSession(token, "get_task_details", { task: "ONB-1" });
  expect(JSON.parse(details.text)).toMatchObject({ unread: 1, remarks: [{ text: "And short" }] });
  expect((await app.callAsSession(token, "update_task_status", DONE)).status).toBe(200);
});

test("The token of a run is in no answer for people, opens nothing else, and is dead once the run is not wanted", async () => {
  const { app, token } = await createAppWithSession();
  const paths = ["sessions", "why", "pending-tickets", "completed-tickets"];
  const answers = await Promise.all(paths.map((path) => app.read(`/api/${path}`)));
  expect(token.length).toBeGreaterThanOrEqual(32);
  expect(JSON.stringify([answers, app.logged])).not.toContain(token);
  for (const path of ["/api/sessions", "/api/runner/exchange", "/ticks/poll", "/api/approve/ONB-1"]) {
    const response = await app.request(path, token, { method: path === "/api/sessions" ? "GET" : "POST", body: null });
    expect([response.status, await response.text()], path).toEqual([403, expect.stringContaining("its own ticket")]);
  }
  expect((await app.callAsSession(`${token}0`, "get_task_details", { task: "ONB-1" })).status).toBe(401);
  const forged = token.replace("ONB-1", "ONB-2");
  expect((await app.callAsSession(forged, "get_task_details", { task: "ONB-2" })).status).toBe(401);
  await app.callAsSession(token, "update_task_status", DONE);
  const repeated = await app.callAsSession(token, "update_task_status", { ...DONE, text: "Another summary" });
  expect(repeated).toEqual({ status: 401, text: expect.stringContaining("is not wanted any more") });
  const { tickets } = await app.read("/api/completed-tickets");
  expect(tickets).toMatchObject([{ summary: expect.stringContaining("All") }]);
});
