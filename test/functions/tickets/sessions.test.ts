import { expect, test } from "vitest";
import { callTool, getResultText } from "../../support/http-test-app.ts";
import { createAppWithSession, createSession, createTicketsApp } from "./tickets-app.ts";

const CALL = { tool_name: "Bash", tool_input: { command: "touch \u001b[31mx" } };
const PERMISSION = { hook_event_name: "PermissionRequest", ...CALL };

test("A permission that nobody answers for ten minutes is left to the terminal, and a later answer is typed there", async () => {
  const { app, token, readSession } = await createAppWithSession();
  expect(await app.hook(token, PERMISSION)).toMatchObject({ status: 204 });
  const [question] = (await readSession()).questions;
  expect(question.text).toContain("touch");
  expect(question.text).not.toContain("\u001b");
  expect((await app.answer(question.id, "maybe")).status).toBe(400);
  await app.answer(question.id, "deny");
  const [desired] = (await app.exchange([createSession()])).sessions;
  expect(desired?.inputs).toEqual([{ id: question.id, kind: "keys", text: "Escape" }]);
  expect((await app.exchange([createSession({ applied: [question.id] })])).sessions[0]?.inputs).toEqual([]);
});

test("The end of a turn asks a person, whose answer is typed into the session", async () => {
  const { app, token, readSession } = await createAppWithSession();
  await app.hook(token, { hook_event_name: "Stop", last_assistant_message: "Which colour?" });
  await app.hook(token, { hook_event_name: "Notification", notification_type: "idle_prompt", message: "waiting" });
  const session = await readSession();
  expect(session).toMatchObject({ state: "waiting", questions: [{ kind: "input", text: "Which colour?" }] });
  await app.answer(session.questions[0].id, "Blue");
  expect((await app.exchange([createSession()])).sessions[0]?.inputs).toMatchObject([{ kind: "text", text: "Blue" }]);
  // What somebody types in the terminal closes the question as well.
  await app.hook(token, { hook_event_name: "Stop", last_assistant_message: "Which colour?" });
  await app.hook(token, { hook_event_name: "UserPromptSubmit", prompt: "Blue" });
  expect(await readSession()).toMatchObject({ state: "running", questions: [] });
});

test("A session that was killed, or lost at a restart of its machine, is resumed after a back-off that doubles, with the same session id", async () => {
  const { app, readSession } = await createAppWithSession();
  const first = (await app.exchange([createSession()])).sessions[0];
  for (const [i, seconds] of [10, 20, 40].entries()) {
    const started_at = new Date(app.time.now).toISOString();
    await app.exchange([createSession({ started_at })]);
    const killed = createSession({ started_at, state: "ended", exit: { reason: "killed", signal: "KILL" } });
    const answer = await app.exchange([killed]);
    expect(answer).toMatchObject({ sessions: [], stop: [{ ticket: "ONB-1", how: "now", reason: "killed" }] });
    expect(await readSession()).toMatchObject({ state: "approved", reason: "killed" });
    app.advance(seconds * 1_000 - 1);
    expect((await app.exchange()).sessions, `attempt ${i}`).toEqual([]);
    app.advance(1);
    const resumed = { ticket: "ONB-1", run: 1, resume: true, session_id: first?.session_id };
    expect((await app.exchange()).sessions).toMatchObject([resumed]);
  }
  const { app: other } = await createAppWithSession();
  expect((await other.exchange([])).sessions).toEqual([]);
  other.advance(10_000);
  expect((await other.exchange([])).sessions).toMatchObject([{ ticket: "ONB-1", resume: true }]);
});

test("A session that fails to start eight times fails its ticket", async () => {
  const app = await createTicketsApp();
  await app.requestTicket();
  await app.call("/api/approve/ONB-1");
  for (let i = 0; i < 8; i += 1) {
    expect((await app.exchange()).sessions).toHaveLength(1);
    const exit = { reason: "start_failed", text: "after_create failed" } as const;
    await app.exchange([createSession({ started_at: new Date(app.time.now).toISOString(), state: "ended", exit })]);
    app.advance(300_000);
  }
  expect((await app.exchange()).sessions).toEqual([]);
  const failed = [{ id: "ONB-1", state: "failed", reason: "start_failed", detail: "after_create failed" }];
  expect(await app.read("/api/sessions")).toMatchObject({ count: 0, failed });
  expect((await app.call("/api/sessions/ONB-1/start")).json).toEqual({ ticket_id: "ONB-1", state: "approved" });
  expect((await app.exchange()).sessions).toMatchObject([{ ticket: "ONB-1", run: 1 }]);
});

test("the run token and keys are masked on the screen, also across the ends of lines", async () => {
  const { app, token, readSession } = await createAppWithSession();
  const key = `ghp_${"a1".repeat(20)}`;
  const screen = `$ env\nGROUNDCREW_TOKEN=${token.slice(0, 30)}\n${token.slice(30)}\nGH_TOKEN=${key} hash ${"0f".repeat(32)}`;
  await app.exchange([createSession({ screen })]);
  const { screen: shown } = await readSession();
  expect(shown).toHaveLength(screen.length);
  expect(shown.split("\n")).toEqual([
    "$ env",
    `GROUNDCREW_TOKEN=ONB-${"•".repeat(26)}`,
    "•".repeat(token.length - 30),
    `GH_TOKEN=ghp_${"•".repeat(40)} hash ${"0f".repeat(32)}`,
  ]);
});

test("A person is asked before the time of a session is over, and can extend it", async () => {
  const { app, readSession } = await createAppWithSession({ minutes: 30 });
  app.advance(26 * 60_000);
  await app.tick();
  await app.tick();
  expect(await readSession()).toMatchObject({ state: "waiting", questions: [{ kind: "time" }] });
  await app.call("/api/sessions/ONB-1/extend", { minutes: 10 });
  app.advance(6 * 60_000);
  await app.tick();
  expect(await app.exchange([createSession()])).toMatchObject({ sessions: [{ ticket: "ONB-1" }] });
  app.advance(10 * 60_000);
  await app.tick();
  const stop = [{ ticket: "ONB-1", how: "kindly", reason: "time_over" }];
  expect(await app.exchange([createSession()])).toMatchObject({ sessions: [], stop });
  expect(await readSession()).toMatchObject({ state: "waiting", questions: [{ kind: "ended" }] });
});

test("A session without progress for five minutes is reported until it makes some; a sub-agent's tool is progress, too", async () => {
  const { app, readSession, token } = await createAppWithSession();
  const last_progress_at = new Date(app.time.now).toISOString();
  app.advance(200_000);
  await app.hook(token, { hook_event_name: "PostToolUse", tool_name: "Read", tool_input: {} });
  app.advance(200_000);
  await app.exchange([createSession({ last_progress_at })]);
  expect((await readSession()).attention).toBeUndefined();
  app.advance(101_000);
  await app.exchange([createSession({ last_progress_at })]);
  expect((await readSession()).attention).toContain("silent since");
  await app.exchange([createSession({ last_progress_at: new Date(app.time.now).toISOString() })]);
  expect((await readSession()).attention).toBeUndefined();
});

test("Of 20 approved tickets five run at once, the most urgent first, and the others wait with their place", async () => {
  const app = await createTicketsApp({ max_sessions: 5 });
  for (let i = 0; i < 20; i += 1) app.addTask(`Task ${i}`, [], { priority: i === 19 ? "urgent" : "none" });
  await app.deliverUntilIdle();
  for (let i = 1; i <= 20; i += 1) await app.call(`/api/approve/ONB-${i}`);
  const answers = await Promise.all([app.exchange(), app.exchange(), app.exchange()]);
  const keys = (await app.exchange()).sessions.map(({ ticket }) => ticket).sort();
  expect(keys).toEqual(["ONB-1", "ONB-2", "ONB-20", "ONB-3", "ONB-4"]);
  for (const { sessions } of answers) expect(sessions.length).toBeLessThanOrEqual(5);
  const { sessions } = await app.read("/api/sessions");
  expect(sessions.find(({ id }: { id: string }) => id === "ONB-5")).toMatchObject({ state: "approved", position: 1 });
  await app.call("/api/sessions/ONB-1/cancel");
  expect((await app.exchange()).sessions.map(({ ticket }) => ticket)).toContain("ONB-5");
});

test("An answer is held until something changes", async () => {
  const { app } = await createAppWithSession();
  await app.exchange([createSession()]);
  const waits: number[] = [];
  app.deps.wait = async (ms) => {
    if (waits.push(ms) === 3) await app.call("/api/sessions/ONB-1/cancel");
  };
  const answer = await app.exchange([createSession()], { wait_ms: 20_000 });
  expect(answer.stop).toMatchObject([{ ticket: "ONB-1", reason: "cancelled" }]);
  expect(waits).toHaveLength(3);
});

test("Keys that were pressed for a session are not typed into the one that is started after it, and texts are", async () => {
  const { app } = await createAppWithSession();
  const keys = { id: "keys-0123456789abcdef", kind: "keys", text: "1" };
  const interrupt = { id: "interrupt-0123456789", kind: "interrupt", text: "" };
  const text = { id: "text-0123456789abcdef", kind: "text", text: "Use the other file" };
  for (const input of [keys, interrupt, text]) await app.call("/api/sessions/ONB-1/input", input);
  await app.exchange([createSession({ state: "ended", exit: { reason: "killed", signal: "SIGKILL" } })]);
  app.time.now += 10_000;
  const [desired] = (await app.exchange()).sessions;
  expect(desired).toMatchObject({ resume: true, inputs: [text] });
});

test("A permission that somebody allows in the terminal is closed, although its request still waits; one that is interrupted there waits for text, once for each interruption", async () => {
  const { app, token, readSession } = await createAppWithSession();
  const answer = await app.holdHook(token, PERMISSION, async () => {
    const other = { tool_name: "Read", tool_input: { file_path: "/a" } };
    await app.hook(token, { hook_event_name: "PostToolUse", ...other });
    expect(await readSession()).toMatchObject({ state: "waiting" });
    await app.hook(token, { ...PERMISSION, hook_event_name: "PostToolUse", tool_response: { stdout: "" } });
  });
  expect(answer).toMatchObject({ status: 204 });
  expect(await readSession()).toMatchObject({ state: "running", questions: [] });
  expect((await app.exchange([createSession()])).sessions[0]?.inputs).toEqual([]);

  const first = "11111111-2222-4333-8444-0000000000a1";
  const interrupt = (interruption: string) => app.exchange([createSession({ interruption })]);
  await app.hook(token, PERMISSION);
  await interrupt(first);
  const session = await readSession();
  expect(session).toMatchObject({ state: "waiting", questions: [{ kind: "input" }] });
  await app.answer(session.questions[0].id, "Use another file");
  const [desired] = (await interrupt(first)).sessions;
  expect(desired?.inputs).toMatchObject([{ kind: "text", text: "Use another file" }]);
  expect(await readSession()).toMatchObject({ state: "running", questions: [] });
  await interrupt("11111111-2222-4333-8444-0000000000a2");
  expect(await readSession()).toMatchObject({ state: "waiting", questions: [{ kind: "input" }] });
});

const FOLDER = "11111111-2222-4333-8444-0000000000f1";
/** A runner on another host that has the same name, for example because its machine was copied. */
const NAMESAKE = { folder: FOLDER.replace("f1", "f2"), instance: "11111111-2222-4333-8444-000000000009" };

test("A ticket goes to a runner that has its repository, and waits while there is none", async () => {
  const app = await createTicketsApp({ repositories: { ONB: "/srv/onb", OPS: "/srv/ops" } });
  await app.requestTicket();
  await app.call("/api/approve/ONB-1");
  expect((await app.exchange([], { runner: "one", repositories: ["OPS"] })).sessions).toEqual([]);
  expect((await app.read("/api/sessions")).sessions).toMatchObject([{ state: "approved", position: 1 }]);
  const { sessions } = await app.exchange([], { runner: "two", repositories: ["OPS", "ONB"] });
  expect(sessions).toMatchObject([{ ticket: "ONB-1" }]);
  expect((await app.exchange([], { runner: "one", repositories: ["OPS", "ONB"] })).sessions).toEqual([]);
  const both = ["one", "two"].map((name) => ({ name, repositories: ["OPS", "ONB"] }));
  expect((await app.read("/api/sessions")).runners).toMatchObject(both);
});

test("The session of a runner that is away is started by no other, and goes on when its runner is back", async () => {
  const { app, readSession } = await createAppWithSession({ minutes: 120 });
  app.advance(3_600_000);
  await app.tick();
  for (const sessions of [[], [createSession({ state: "ended", exit: { reason: "killed" } })]])
    expect((await app.exchange(sessions, { runner: "other" })).sessions).toEqual([]);
  expect(await readSession()).toMatchObject({ state: "running", runner: "vps" });
  expect((await app.exchange([createSession()])).sessions).toMatchObject([{ ticket: "ONB-1", run: 1 }]);
  expect(await readSession()).toMatchObject({ state: "running" });
});

test("A second runner of the same name is refused and changes nothing, and a restarted one is not", async () => {
  const { app, readSession } = await createAppWithSession({ minutes: 120 });
  await app.exchange([createSession()], { folder: FOLDER });
  await expect(app.exchange([], NAMESAKE)).rejects.toThrow(/RUNNER_NAME/);
  expect(await readSession()).toMatchObject({ state: "running", runner: "vps" });
  const restarted = { folder: FOLDER, instance: "11111111-2222-4333-8444-000000000003" };
  expect((await app.exchange([createSession()], restarted)).sessions).toHaveLength(1);
  // It would start the session a second time while the first one may still run.
  app.advance(3_600_000);
  await expect(app.exchange([], NAMESAKE)).rejects.toThrow(/ONB-1/);
  expect(await readSession()).toMatchObject({ state: "running", runner: "vps" });
});

test("A ticket starts beside an ended session of its key that Groundcrew does not know, and says what was kept of it", async () => {
  const app = await createTicketsApp();
  await app.requestTicket();
  await app.call("/api/approve/ONB-1");
  const unknown = createSession({
    ...{ session_id: "99999999-2222-4333-8444-000000000009", state: "ended", exit: { reason: "exited" } },
    started_at: "2030-01-01T00:00:00.000Z",
  });
  const answer = await app.exchange([unknown]);
  expect(answer).toMatchObject({ sessions: [], stop: [{ ticket: "ONB-1", run: 1, how: "now" }] });
  const [desired] = (await app.exchange([])).sessions;
  expect(desired).toMatchObject({ ticket: "ONB-1", run: 1 });
  const kept_apart = "Another session of ONB-1 has left the branch groundcrew/onb-1.99999999. It is kept apart.";
  await app.exchange([createSession({ session_id: desired?.session_id ?? "", kept_apart })]);
  expect((await app.read("/api/sessions")).sessions).toMatchObject([{ state: "running", attention: kept_apart }]);
});

test("A runner that stops gets no ticket any more, and one that it has not begun goes to another at once", async () => {
  const app = await createTicketsApp();
  await app.requestTicket();
  await app.requestTicket("Write more");
  await app.call("/api/approve/ONB-1");
  expect((await app.exchange([], { runner: "one" })).sessions).toMatchObject([{ ticket: "ONB-1" }]);
  await app.call("/api/approve/ONB-2");
  expect((await app.exchange([], { runner: "one", stopping: true })).sessions).toEqual([]);
  expect((await app.read("/api/sessions")).runners).toEqual([]);
  const { sessions } = await app.exchange([], { runner: "two" });
  expect(sessions.map(({ ticket }) => ticket)).toEqual(["ONB-1", "ONB-2"]);
});

const DONE = { task: "ONB-1", status: "done", text: "All is *done*", tests: "12 passed" };

test("A session completes its ticket by update_task_status, and a person approves what Plane gets", async () => {
  const { app, item, token } = await createAppWithSession();
  const before = app.readPlaneItem(item).state;
  const result = await callTool(await app.connectMcpClient("", token), "update_task_status", DONE);
  expect(JSON.parse(getResultText(result))).toMatchObject({ task: "ONB-1", in_review: true });
  expect(app.readPlaneItem(item).state).toBe(before);
  expect(app.readComments(item).filter((text) => text.includes("done"))).toEqual([]);
  expect((await app.read("/api/completed-tickets")).tickets).toMatchObject([
    { state: "completed", summary: "All is *done*\n\nTests: 12 passed", source: "tool", comment_posted: false },
  ]);
  expect((await app.exchange([createSession()])).stop).toMatchObject([{ ticket: "ONB-1", reason: "completed_tool" }]);
  expect((await app.call("/api/update-plane/ONB-1")).json).toMatchObject({ status: "updated" });
  expect(app.readComments(item).filter((text) => text.includes("12 passed"))).toHaveLength(1);
});

test("A session sees and may call three tools, of which none starts, blocks or cancels its ticket, nor completes another one or without a summary; refusals name the reason", async () => {
  const { app, token, readSession } = await createAppWithSession();
  const { tools } = await (await app.connectMcpClient("", token)).listTools();
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
  expect((await app.callAsSession(token, "download_deliverable", { task: "ONB-3", name: "a.md" })).status).toBe(403);
});

test("PEOPLE-01 A session does not complete its ticket before it has read what people wrote, by whatever way it does", async () => {
  const { app, item, token } = await createAppWithSession();
  const comment = async (html: string) => {
    app.advance(1_000);
    app.plane.addComment(item, html);
    await app.deliverWebhooks();
    // The webhook of an assignment is looked for.
    await app.runUntilIdle();
  };
  await comment("<p>In French, please</p>");
  const refused = await app.callAsSession(token, "update_task_status", DONE);
  expect(refused.status).toBe(409);
  expect(JSON.parse(refused.text).error.message).toContain('ada wrote to you: "In French, please"');
  await comment("<p>And short</p>");
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
