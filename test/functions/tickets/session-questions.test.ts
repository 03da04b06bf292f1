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
