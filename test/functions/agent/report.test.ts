import { expect, test } from "vitest";
import { parseToolInput } from "../../../functions/agent/tool.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";
import { getTool } from "../../support/get-tool.ts";

const SESSION = "openclaw-session-3f1c2b7e-0d4a-4c55-9e61-2a7b8c9d0e1f";

async function createAppWithTask() {
  const app = await createAgentTestApp();
  app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  const call = async (name: string, given: Record<string, unknown> = {}) => {
    const tool = getTool(name);
    const caller = app.getCaller("Thot");
    const input = parseToolInput(tool, { task: "onb-1", ...given });
    return tool.output.parse(await tool.run({ work: app.actAs("Thot"), caller }, input));
  };
  return { app, call };
}

test("report keeps omitted fields and returns the current values", async () => {
  const { call } = await createAppWithTask();
  await call("report", { percent: 40, cost: 2, session: SESSION });
  expect(await call("report", { percent: 50, text: "half" })).toEqual({
    task: "ONB-1",
    percent: 50,
    text: "half",
    cost: 2,
    session: SESSION,
    spent_seconds: 0,
    held_until: expect.stringMatching(/^2026-11-21T08:1\d:\d\dZ$/),
  });
});

test.each([
  ["percent", 101],
  ["percent", -1],
  ["confidence", 1.1],
  ["cost", -0.01],
  ["session", "two words"],
  ["session", "main"],
  ["session", "openclaw-session-"],
  ["session", "openclaw-session-1"],
  ["session", `agent:main:${SESSION}`],
  ["session", `${SESSION}\n`],
])("report refuses %s %s", async (field, value) => {
  const { call } = await createAppWithTask();
  await expect(call("report", { [field]: value })).rejects.toMatchObject({ code: "bad_request" });
});

test.each([SESSION, SESSION.toUpperCase().replace("OPENCLAW-SESSION-", "")])(
  "report accepts the session %s",
  async (session) => {
    const { call } = await createAppWithTask();
    expect(await call("report", { session })).toMatchObject({ session });
  },
);

test("OPENCLAW-06 start_timer and stop_timer return the start and the total time", async () => {
  const { app, call } = await createAppWithTask();
  expect(await call("stop_timer")).toMatchObject({ stopped: false, note: expect.stringContaining("start_timer") });
  const { since } = (await call("start_timer")) as { since: string };
  app.advance(90_000);
  expect(await call("start_timer")).toEqual({ task: "ONB-1", running: true, since, already: true, spent_seconds: 90 });
  const stopped = { task: "ONB-1", running: false, from: since, to: expect.any(String), spent_seconds: 90 };
  expect(await call("stop_timer")).toEqual({ ...stopped, stopped: true });
  expect(await call("stop_timer")).toEqual({ ...stopped, stopped: false, note: expect.stringContaining("No timer") });
});
