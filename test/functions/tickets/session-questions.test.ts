import { expect, test } from "vitest";
import { createAppWithSession, createSession } from "./tickets-app.ts";

const PERMISSION = {
  hook_event_name: "PermissionRequest",
  tool_name: "Bash",
  tool_input: { command: "touch allowed.txt" },
};

test("A permission that somebody allows in the terminal is closed, although its request still waits", async () => {
  const { app, token, readSession } = await createAppWithSession();
  const states: string[] = [];
  app.deps.wait = async () => {
    const other = { tool_name: "Read", tool_input: { file_path: "/a" } };
    await app.hook(token, { hook_event_name: "PostToolUse", ...other });
    states.push((await readSession()).state);
    await app.hook(token, { ...PERMISSION, hook_event_name: "PostToolUse", tool_response: { stdout: "" } });
    states.push((await readSession()).state);
  };
  expect(await app.hook(token, PERMISSION)).toMatchObject({ status: 204 });
  expect(states).toEqual(["waiting", "running"]);
  expect(await readSession()).toMatchObject({ state: "running", questions: [] });
  expect((await app.exchange([createSession()])).sessions[0]?.inputs).toEqual([]);
});

test("An answer that comes after the tool has run is not typed into the terminal", async () => {
  const { app, token, readSession } = await createAppWithSession();
  app.deps.wait = async () => {
    const [question] = (await readSession()).questions;
    if (!question) return;
    await app.hook(token, { ...PERMISSION, hook_event_name: "PostToolUseFailure" });
    expect((await app.call("/api/sessions/ONB-1/answer", { question: question.id, answer: "allow" })).status).toBe(409);
  };
  await app.hook(token, PERMISSION);
  expect((await app.exchange([createSession()])).sessions[0]?.inputs).toEqual([]);
});

test("A permission that is known from a notification only is closed by the next tool, or when the session is idle", async () => {
  const { app, token, readSession } = await createAppWithSession();
  const notify = (notification_type: string) =>
    app.hook(token, { hook_event_name: "Notification", notification_type, message: "Claude needs your permission" });
  await notify("permission_prompt");
  expect(await readSession()).toMatchObject({ questions: [{ kind: "permission" }] });
  await app.hook(token, { ...PERMISSION, hook_event_name: "PostToolUse" });
  expect(await readSession()).toMatchObject({ state: "running", questions: [] });
  await notify("permission_prompt");
  await notify("idle_prompt");
  expect(await readSession()).toMatchObject({ questions: [{ kind: "input" }] });
});

const INTERRUPTION = "11111111-2222-4333-8444-0000000000a1";

test("What somebody interrupts in the terminal waits for text instead, once for each interruption", async () => {
  const { app, token, readSession } = await createAppWithSession();
  const interrupt = (interruption: string) => app.exchange([createSession({ interruption })]);
  await app.hook(token, PERMISSION);
  await interrupt(INTERRUPTION);
  const session = await readSession();
  expect(session).toMatchObject({ state: "waiting", questions: [{ kind: "input" }] });
  await app.call("/api/sessions/ONB-1/answer", { question: session.questions[0].id, answer: "Use another file" });
  const [desired] = (await interrupt(INTERRUPTION)).sessions;
  expect(desired?.inputs).toMatchObject([{ kind: "text", text: "Use another file" }]);
  expect(await readSession()).toMatchObject({ state: "running", questions: [] });
  await interrupt("11111111-2222-4333-8444-0000000000a2");
  expect(await readSession()).toMatchObject({ state: "waiting", questions: [{ kind: "input" }] });
});

test("An answer whose request ended with the interruption is not typed, and a session that waits for text asks once", async () => {
  const { app, token, readSession } = await createAppWithSession();
  app.deps.wait = async () => {
    const [question] = (await readSession()).questions;
    if (question) await app.exchange([createSession({ interruption: INTERRUPTION })]);
  };
  expect(await app.hook(token, PERMISSION)).toMatchObject({ status: 204 });
  expect((await app.exchange([createSession({ interruption: INTERRUPTION })])).sessions[0]?.inputs).toEqual([]);
  expect(await readSession()).toMatchObject({ questions: [{ kind: "input" }] });
  await app.hook(token, { hook_event_name: "Notification", notification_type: "idle_prompt", message: "waiting" });
  expect((await readSession()).questions).toHaveLength(1);
});

const QUESTIONS = [
  {
    question: "Which\u200b colour?",
    header: "Colour",
    multiSelect: false,
    options: [
      { label: "Red\u001b[31m", description: "warm" },
      { label: "Blue", description: "cold" },
    ],
  },
];
const QUESTION = {
  hook_event_name: "PermissionRequest",
  tool_name: "AskUserQuestion",
  tool_input: { questions: QUESTIONS },
};

test.each([
  ["An option", "Red [31m", "Red\u001b[31m"],
  ["A text of one's own", "Green, please", "Green, please"],
])("%s reaches Claude Code as the answer to its question, so that its tool succeeds", async (_, typed, answer) => {
  const { app, token, readSession } = await createAppWithSession();
  app.deps.wait = async () => {
    const [{ id, text, options }] = (await readSession()).questions;
    expect([text, options]).toEqual(["Which colour?", ["Red [31m", "Blue"]]);
    await app.call("/api/sessions/ONB-1/answer", { question: id, answer: typed });
  };
  const answers = { [QUESTIONS[0]?.question ?? ""]: answer };
  const decision = { behavior: "allow", updatedInput: { questions: QUESTIONS, answers } };
  expect((await app.hook(token, QUESTION)).json).toEqual({
    hookSpecificOutput: { hookEventName: "PermissionRequest", decision },
  });
  expect(await readSession()).toMatchObject({ state: "running", questions: [] });
});
