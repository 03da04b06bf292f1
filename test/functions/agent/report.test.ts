import { expect, it } from "vitest";
import { parseInput } from "../../../functions/agent/input.ts";
import { report } from "../../../functions/agent/report.ts";
import { startTimer } from "../../../functions/agent/start-timer.ts";
import { stopTimer } from "../../../functions/agent/stop-timer.ts";
import type { Tool } from "../../../functions/agent/tool.ts";
import { createWorkCrew } from "../../work-crew.ts";

async function oneTask() {
  const crew = await createWorkCrew();
  crew.task("Write it down", "Thot");
  await crew.begin();
  const call = async (tool: Tool, given: Record<string, unknown> = {}) =>
    tool.output.parse(
      await tool.run(
        { work: crew.work("Thot"), caller: crew.caller("Thot") },
        parseInput(tool, { task: "onb-1", ...given }),
      ),
    );
  return { crew, call };
}

it("report keeps what is left out and answers what is true now", async () => {
  const { call } = await oneTask();
  await call(report, { percent: 40, cost: 2, session: "s-1" });
  expect(await call(report, { percent: 50, text: "half" })).toEqual({
    ...{ task: "ONB-1", percent: 50, text: "half", cost: 2, session: "s-1", spent_seconds: 0 },
    held_until: expect.stringMatching(/^2026-11-21T08:1\d:\d\d\.\d{3}Z$/),
  });
});

it.each([
  ["percent", 101],
  ["percent", -1],
  ["confidence", 1.1],
  ["cost", -0.01],
  ["session", "two words"],
  ["session", "x".repeat(101)],
])("report refuses %s %s", async (field, value) => {
  const { call } = await oneTask();
  await expect(call(report, { [field]: value })).rejects.toMatchObject({ code: "bad_request" });
});

it("OPENCLAW-06 start_timer and stop_timer say since when, and how long in all", async () => {
  const { crew, call } = await oneTask();
  expect(await call(stopTimer)).toMatchObject({ stopped: false, note: expect.stringContaining("start_timer") });
  const { since } = (await call(startTimer)) as { since: string };
  crew.pass(90_000);
  expect(await call(startTimer)).toEqual({ task: "ONB-1", running: true, since, already: true, spent_seconds: 90 });
  const stopped = { task: "ONB-1", running: false, from: since, to: expect.any(String), spent_seconds: 90 };
  expect(await call(stopTimer)).toEqual({ ...stopped, stopped: true });
  expect(await call(stopTimer)).toEqual({ ...stopped, stopped: false, note: expect.stringContaining("No timer") });
});
