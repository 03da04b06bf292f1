import { expect, test } from "vitest";
import { claimsTick } from "../../../functions/work.ts";
import { createRemarkSetup, createWorkingSetup, type RemarkSetup } from "./remark-setup.ts";

test("the comment stop revokes the claim, refuses the agent's next call and wakes it as stopped, once", async () => {
  const setup = await createWorkingSetup();
  const { app, task, refuse } = setup;
  await setup.comment("<p> Arrête.</p>");
  const message = expect.stringContaining("ONB-1 was stopped by ada");
  expect(await refuse("add_comment", { text: "x" })).toEqual({ code: "stopped", message });
  const wakes = setup.takeWakes();
  expect(wakes).toMatchObject([{ message: expect.stringMatching(/stop at once.*"text":"stopped by ada"/s) }]);
  expect(app.readPlaneItem(task)).toMatchObject({ state: "Todo", assignees: ["Imhotep"] });
  expect(app.readComments(task).join("\n")).toContain("Stopped by <strong>ada</strong>: Imhotep no longer works");
  expect(setup.readCard()).toContain("Stopped:</strong> by ada");
  for (const [tool, input] of [
    ["claim_task", {}],
    ["report", { text: "x" }],
    ["update_task_status", { status: "in_progress" }],
  ] as const)
    expect((await refuse(tool, input)).code, tool).toBe("stopped");
  await claimsTick.run(app.deps);
  await setup.advanceSeconds(3_600);
  await setup.work();
  expect(setup.takeWakes(), "the same task wakes nobody").toEqual([]);
});

test.each<[string, (setup: RemarkSetup) => Promise<unknown>]>([
  ["a comment", async ({ comment }) => comment("<p>Go on, please.</p>")],
  ["a change of state", async ({ app, task }) => app.plane.editItem(task, { state: "Backlog" })],
  [
    "a new assignment",
    async ({ app, task, work }) => {
      app.plane.editItem(task, { assignees: [app.human] });
      await work();
      app.plane.editItem(task, { assignees: [app.getUser("Imhotep")] });
    },
  ],
])("a stopped task can be started again after %s", async (_, act) => {
  const setup = await createWorkingSetup({ config: { wake_backlog: true } });
  await setup.comment("<p>stop</p>");
  await setup.call("Imhotep", "list_my_tasks");
  setup.takeWakes();
  await act(setup);
  await setup.work();
  expect(setup.takeWakes().map(({ agent }) => agent)).toEqual(["imhotep"]);
  await setup.call("Imhotep", "claim_task", { task: "ONB-1" });
});

test("an agent that has claimed a stopped task again is not told to stop it, also when the task has to wait since", async () => {
  const setup = await createWorkingSetup();
  const { app, task } = setup;
  const { take } = app.store;
  // Wakes are late.
  app.store.take = async (queue, ...rest) => (queue === "wake" ? [] : take(queue, ...rest));
  for (const text of ["stop", "Go on, please."]) await setup.comment(`<p>${text}</p>`);
  await setup.call("Imhotep", "claim_task", { task: "ONB-1" });
  app.plane.relate(task, app.addTask("First"));
  await setup.work();
  app.store.take = take;
  await setup.advanceSeconds(10);
  expect(setup.takeWakes().filter(({ message }) => message.includes("stop at once"))).toEqual([]);
});

test("stop also ends work that has not begun: the task is not startable, and its agent is not woken", async () => {
  const setup = await createRemarkSetup();
  await setup.comment("<p>stop</p>");
  await setup.advanceSeconds(3_600);
  expect(setup.takeWakes()).toEqual([]);
  expect(await setup.call("Imhotep", "list_my_tasks")).toMatchObject({
    tasks: [{ why_not: expect.stringMatching(/^ada stopped the work on ONB-1 /) }],
  });
});

test("stop within a text, with a mention of an agent without the task, or as a choice of a question stops nobody", async () => {
  const setup = await createWorkingSetup();
  await setup.comment("<p>Do not stop.</p>");
  await setup.comment(`<p>${setup.mention("Thot")} stop</p>`);
  await setup.call("Imhotep", "ask_human", { task: "ONB-1", text: "Go on?", choices: ["Go on", "Stop"] });
  await setup.work();
  setup.takeWakes();
  await setup.comment("<p>stop</p>");
  expect(setup.takeWakes()[0]?.message).toContain("Your question is answered");
  await setup.call("Imhotep", "report", { task: "ONB-1", text: "going on" });
  await setup.comment(`<p>${setup.mention("Imhotep")} stop</p>`);
  expect((await setup.refuse("report", { text: "x" })).code).toBe("stopped");
});

test.each(["cancelled", "unassigned"])(
  "a task that is %s in Plane revokes the claim and wakes the agent as stopped",
  async (change) => {
    const setup = await createWorkingSetup();
    const { app, task } = setup;
    app.plane.editItem(task, change === "cancelled" ? { state: "Cancelled" } : { assignees: [app.human] });
    await setup.work();
    await setup.advanceSeconds(2);
    const wakes = setup.takeWakes().filter(({ agent }) => agent === "imhotep");
    expect(wakes).toMatchObject([{ message: expect.stringContaining("stop at once") }]);
    expect((await setup.refuse("add_comment", { text: "x" })).message).toContain("You lost ONB-1");
  },
);
