import { expect, test } from "vitest";
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
  const applied = createSession({ applied: [question.id] });
  expect((await app.exchange([applied])).sessions[0]?.inputs).toEqual([]);
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
    const started_at = new Date(app.time.now).toISOString();
    const exit = { reason: "start_failed", text: "after_create failed" } as const;
    await app.exchange([createSession({ started_at, state: "ended", exit })]);
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

const KEYS = { id: "keys-0123456789abcdef", kind: "keys", text: "1" };
const INTERRUPT = { id: "interrupt-0123456789", kind: "interrupt", text: "" };
const TEXT = { id: "text-0123456789abcdef", kind: "text", text: "Use the other file" };
const KILLED = createSession({ state: "ended", exit: { reason: "killed", signal: "SIGKILL" } });

test("Keys that were pressed for a session are not typed into the one that is started after it, and texts are", async () => {
  const { app } = await createAppWithSession();
  for (const input of [KEYS, INTERRUPT, TEXT]) await app.call("/api/sessions/ONB-1/input", input);
  await app.exchange([KILLED]);
  app.time.now += 10_000;
  const [desired] = (await app.exchange()).sessions;
  expect(desired).toMatchObject({ resume: true, inputs: [TEXT] });
});

test("A permission that somebody allows in the terminal is closed, although its request still waits", async () => {
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
});

const INTERRUPTION = "11111111-2222-4333-8444-0000000000a1";

test("What somebody interrupts in the terminal waits for text instead, once for each interruption", async () => {
  const { app, token, readSession } = await createAppWithSession();
  const interrupt = (interruption: string) => app.exchange([createSession({ interruption })]);
  await app.hook(token, PERMISSION);
  await interrupt(INTERRUPTION);
  const session = await readSession();
  expect(session).toMatchObject({ state: "waiting", questions: [{ kind: "input" }] });
  await app.answer(session.questions[0].id, "Use another file");
  const [desired] = (await interrupt(INTERRUPTION)).sessions;
  expect(desired?.inputs).toMatchObject([{ kind: "text", text: "Use another file" }]);
  expect(await readSession()).toMatchObject({ state: "running", questions: [] });
  await interrupt("11111111-2222-4333-8444-0000000000a2");
  expect(await readSession()).toMatchObject({ state: "waiting", questions: [{ kind: "input" }] });
});
