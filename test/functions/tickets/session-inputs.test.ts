import { expect, test } from "vitest";
import { createAppWithSession, createSession } from "./tickets-app.ts";

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

test("Keys that answer a dialog are not typed into the next session either", async () => {
  const { app, token, readSession } = await createAppWithSession();
  await app.hook(token, { hook_event_name: "PermissionRequest", tool_name: "Bash", tool_input: { command: "true" } });
  const [{ id }] = (await readSession()).questions;
  await app.call("/api/sessions/ONB-1/answer", { question: id, answer: "allow" });
  await app.exchange([KILLED]);
  app.time.now += 10_000;
  expect((await app.exchange()).sessions[0]?.inputs).toEqual([]);
});

test("An input whose request is repeated is typed once, before and after it has reached the session", async () => {
  const { app } = await createAppWithSession();
  const type = () => app.call("/api/sessions/ONB-1/input", TEXT);
  expect([(await type()).status, (await type()).status]).toEqual([200, 200]);
  expect((await app.exchange([createSession()])).sessions[0]?.inputs).toEqual([TEXT]);
  const applied = createSession({ applied: [TEXT.id] });
  expect((await app.exchange([applied])).sessions[0]?.inputs).toEqual([]);
  await type();
  expect((await app.exchange([applied])).sessions[0]?.inputs).toEqual([]);
});
