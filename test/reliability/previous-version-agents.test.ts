import { expect, test } from "vitest";
import { createPreviousVersionApp } from "./previous-version-app.ts";
import { listReportedCompletions, MINUTE_MS, TIMEOUT, workBacklog } from "./previous-version-backlog.ts";

test("agents continue work that they began under version 0.1", TIMEOUT, async () => {
  const app = await createPreviousVersionApp();
  await workBacklog(app);
  const call = async (agent: string, tool: string, input: object) => {
    const response = await app.callTool(agent, tool, input);
    return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
  };

  // A timer stops with the time since it was started.
  const stopped = await call("Imhotep", "stop_timer", { task: "ONB-3" });
  // Times are whole seconds since.
  const timerStarted = app.world.timerStarted.replace(/\.\d+Z$/, "Z");
  expect(stopped).toMatchObject({ status: 200, answer: { stopped: true, from: timerStarted } });
  const seconds = (Date.parse(String(stopped.answer["to"])) - Date.parse(timerStarted)) / 1000;
  expect(Math.abs(Number(stopped.answer["spent_seconds"]) - seconds)).toBeLessThan(2);
  expect(seconds).toBeGreaterThan(700);

  // A claim keeps others out, and its owner in.
  const thot = app.world.plane.rows.users.find(({ display_name }) => display_name === "thot");
  for (const item of [app.findItem("Build the stage"), app.findItem("Hang the poster")])
    app.plane.editItem(item, { assignees: [...item.assignees, thot?.id ?? ""] });
  await app.deliverWebhooks();
  const refused = await call("Thot", "claim_task", { task: "ONB-21" });
  expect([refused.status, JSON.stringify(refused.answer)]).toEqual([409, expect.stringContaining("Imhotep")]);
  expect(await call("Imhotep", "report", { task: "ONB-21", percent: 50 })).toMatchObject({ status: 200 });
  // The first call after a lost claim is refused, the next one succeeds.
  expect(await call("Thot", "start_timer", { task: "ONB-25" })).toMatchObject({ status: 409 });
  expect(await call("Thot", "start_timer", { task: "ONB-25" })).toMatchObject({ status: 200 });

  // Answers have reached their questions, and asking an open question again returns the same question.
  for (const [task, text] of [
    ["ONB-15", "Vegan"],
    ["ONB-14", "Three minutes"],
  ]) {
    const { answer } = await call("Thot", "get_task_details", { task });
    expect(answer["questions"]).toMatchObject({ latest: [{ answer: text }] });
  }
  const button = app.getBotMessages().flatMap(({ buttons }) => buttons.flat().filter(({ text }) => text === "Red"))[0];
  expect(
    await call("Thot", "ask_human", { task: "ONB-4", text: "Which colour?", choices: ["Red", "Blue"] }),
  ).toMatchObject({
    answer: { status: "open", question: button?.callback_data.split(":")[1] },
  });

  // A task ends with the note and the cost that were reported before: no other summary is needed.
  const done = await call("Imhotep", "update_task_status", { task: "ONB-3", status: "done" });
  expect(done).toMatchObject({ status: 200, answer: { status: "done" } });
  await app.time.advance(MINUTE_MS);
  expect(listReportedCompletions(app.getBotMessages()).filter((key) => key === "ONB-3")).toEqual(["ONB-3"]);
  const details = await call("Imhotep", "get_task_details", { task: "ONB-3" });
  expect(details.answer).toMatchObject({ agent: { cost: 1.25, commit: "abc1234" } });
});
