import { expect, test } from "vitest";
import { claimsTick } from "../../../functions/work.ts";
import { createRemarkSetup, getRefusal, type RemarkSetup } from "./remark-setup.ts";

test.each(["stop", " STOP! ", "Arrête.", "arrete"])(
  "the comment %j revokes the claim, refuses the agent's next call and wakes it as stopped",
  async (word) => {
    const setup = await createRemarkSetup();
    const { app, task } = setup;
    await setup.call("Imhotep", "update_task_status", { task: "ONB-1", status: "in_progress" });
    await setup.work();
    await setup.comment(`<p>${word}</p>`);
    const refusal = await getRefusal(setup, "Imhotep", "add_comment", { task: "ONB-1", text: "x" });
    expect(refusal.error).toEqual({ code: "stopped", message: expect.stringContaining("ONB-1 was stopped by ada") });
    const wakes = setup.takeWakes();
    expect(wakes).toHaveLength(1);
    expect(wakes[0]?.message).toContain("stop at once");
    expect(wakes[0]?.message).toContain('"text":"stopped by ada"');
    expect(app.readPlaneItem(task)).toMatchObject({ state: "Todo", assignees: ["Imhotep"] });
    expect(app.readComments(task).join("\n")).toContain("Stopped by <strong>ada</strong>: Imhotep no longer works");
    expect(setup.readCard()).toContain("Stopped:</strong> by ada");
    for (const [tool, input] of [
      ["claim_task", {}],
      ["report", { text: "x" }],
      ["update_task_status", { status: "in_progress" }],
    ] as const)
      expect((await getRefusal(setup, "Imhotep", tool, { task: "ONB-1", ...input })).error.code, tool).toBe("stopped");
    await claimsTick.run(app.deps);
    await setup.advanceSeconds(3_600);
    await setup.work();
    expect(setup.takeWakes(), "the same task wakes nobody").toEqual([]);
  },
);

test("a stopped task can be started again after a comment, a change of state or a new assignment", async () => {
  const acts = {
    comment: async ({ comment }: RemarkSetup) => comment("<p>Go on, please.</p>"),
    state: async ({ app, task }: RemarkSetup) => app.plane.editItem(task, { state: "Backlog" }),
    assignment: async ({ app, task, work }: RemarkSetup) => {
      app.plane.editItem(task, { assignees: [app.human] });
      await work();
      app.plane.editItem(task, { assignees: [app.getUser("Imhotep")] });
    },
  };
  for (const [name, act] of Object.entries(acts)) {
    const setup = await createRemarkSetup({ config: { wake_backlog: true } });
    await setup.call("Imhotep", "update_task_status", { task: "ONB-1", status: "in_progress" });
    await setup.work();
    await setup.comment("<p>stop</p>");
    await setup.call("Imhotep", "list_my_tasks");
    setup.takeWakes();
    await act(setup);
    await setup.work();
    expect(
      setup.takeWakes().map(({ agent }) => agent),
      name,
    ).toEqual(["imhotep"]);
    await setup.call("Imhotep", "claim_task", { task: "ONB-1" });
  }
});

test("an agent that has claimed a stopped task again is not told to stop it, also when the task has to wait since", async () => {
  const setup = await createRemarkSetup();
  const { app, task } = setup;
  await setup.call("Imhotep", "update_task_status", { task: "ONB-1", status: "in_progress" });
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
  const { tasks } = (await setup.call("Imhotep", "list_my_tasks")) as { tasks: { why_not?: string }[] };
  expect(tasks[0]?.why_not).toMatch(/^ada stopped the work on ONB-1 /);
});

test("a text that only contains the word stop, or stop with a mention of an agent that does not work on the task, stops nobody", async () => {
  const setup = await createRemarkSetup();
  await setup.call("Imhotep", "claim_task", { task: "ONB-1" });
  await setup.comment("<p>Do not stop.</p>");
  await setup.comment(`<p>${setup.mention("Thot")} stop</p>`);
  await setup.call("Imhotep", "report", { task: "ONB-1", text: "going on" });
  await setup.comment(`<p>${setup.mention("Imhotep")} stop</p>`);
  expect((await getRefusal(setup, "Imhotep", "report", { task: "ONB-1", text: "x" })).error.code).toBe("stopped");
});

test("stop is the answer to a question that offers it as a choice", async () => {
  const setup = await createRemarkSetup();
  await setup.call("Imhotep", "claim_task", { task: "ONB-1" });
  await setup.call("Imhotep", "ask_human", { task: "ONB-1", text: "Go on?", choices: ["Go on", "Stop"] });
  await setup.work();
  await setup.comment("<p>stop</p>");
  expect(setup.takeWakes()[0]?.message).toContain("Your question is answered");
  await setup.call("Imhotep", "report", { task: "ONB-1", text: "going on" });
});

test.each(["cancelled", "unassigned"] as const)(
  "a task that is %s in Plane revokes the claim and wakes the agent as stopped",
  async (change) => {
    const setup = await createRemarkSetup();
    const { app, task } = setup;
    await setup.call("Imhotep", "update_task_status", { task: "ONB-1", status: "in_progress" });
    await setup.work();
    app.plane.editItem(task, change === "cancelled" ? { state: "Cancelled" } : { assignees: [app.human] });
    await setup.work();
    await setup.advanceSeconds(2);
    const wakes = setup.takeWakes().filter(({ agent }) => agent === "imhotep");
    expect(wakes).toHaveLength(1);
    expect(wakes[0]?.message).toContain("stop at once");
    const { error } = await getRefusal(setup, "Imhotep", "add_comment", { task: "ONB-1", text: "x" });
    expect(error.message).toContain("You lost ONB-1");
  },
);

test("on v1.2.2, where edits of a task send no webhook, polls find comments, mentions, stop, cancelling and unassigning", async () => {
  const setup = await createRemarkSetup({ planeVersion: "1.2.2" });
  const { app, task } = setup;
  await setup.comment(`<p>${setup.mention("Thot")} which one?</p>`);
  expect(
    setup
      .takeWakes()
      .map(({ agent }) => agent)
      .sort(),
  ).toEqual(["imhotep", "thot"]);
  app.plane.editItem(task, { description_html: `<p>${setup.mention("Concierge")} see above</p>` });
  await setup.work();
  expect(setup.takeWakes().map(({ agent }) => agent)).toEqual(["concierge"]);
  await setup.call("Imhotep", "update_task_status", { task: "ONB-1", status: "in_progress" });
  await setup.work();
  await setup.comment("<p>stop</p>");
  expect(setup.takeWakes()[0]?.message).toContain("stop at once");
  expect((await getRefusal(setup, "Imhotep", "report", { task: "ONB-1", text: "x" })).error.code).toBe("stopped");
  await setup.comment("<p>go on</p>");
  await setup.call("Imhotep", "update_task_status", { task: "ONB-1", status: "in_progress" });
  await setup.work();
  setup.takeWakes();
  app.plane.editItem(task, { state: "Cancelled" });
  await setup.work();
  expect(setup.takeWakes()[0]?.message).toContain("stop at once");
});
