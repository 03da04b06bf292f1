import { expect, test } from "vitest";
import { callTool, getResultText, HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { createRemarkSetup, getRefusal, type RemarkSetup } from "./remark-setup.ts";

const DONE = { status: "done", text: "It is done.", confidence: 0.9 };

/** A task that Imhotep works on; nothing is unread. */
async function createWorkingSetup(options: Parameters<typeof createRemarkSetup>[0] = {}) {
  const setup = await createRemarkSetup(options);
  await setup.call("Imhotep", "update_task_status", { task: "ONB-1", status: "in_progress" });
  await setup.work();
  setup.takeWakes();
  return setup;
}

/** A person comments, and Plane's webhook arrives; no time passes, so no wake is due yet. */
async function commentNow({ app, task }: RemarkSetup, html: string) {
  app.advance(1_000);
  app.plane.addComment(task, html);
  await app.deliverWebhooks();
}

const setDone = (setup: RemarkSetup) => setup.call("Imhotep", "update_task_status", { task: "ONB-1", ...DONE });

test("PEOPLE-01 the answer to any call about a task contains what its agent has not read, once, and no wake follows", async () => {
  for (const [tool, input] of [
    ["get_task_details", {}],
    ["claim_task", {}],
    ["report", { text: "Writing" }],
    ["add_comment", { text: "Half of it", percent: 50 }],
    ["start_timer", {}],
    ["stop_timer", {}],
    ["ask_human", { text: "Which colour?" }],
    ["upload_deliverable", { name: "a.txt", file: "YQ==" }],
  ] as const) {
    const setup = await createWorkingSetup();
    await commentNow(setup, "<p>Use <b>blue</b>, please.</p>");
    expect(await setup.call("Imhotep", tool, { task: "ONB-1", ...input }), tool).toMatchObject({
      unread: 1,
      remarks: [{ by: "ada", text: "Use blue, please.", at: expect.stringMatching(/^2026-11-21T/) }],
    });
    expect(await setup.call("Imhotep", "report", { task: "ONB-1", text: "Going on" }), tool).not.toHaveProperty(
      "unread",
    );
    await setup.advanceSeconds(20);
    expect(
      setup.takeWakes().filter(({ message }) => message.includes("A person wrote")),
      tool,
    ).toEqual([]);
  }
});

test("PEOPLE-01 the agent that calls over MCP reads the remark in the answer and in a refusal", async () => {
  const setup = await createWorkingSetup();
  const client = await setup.app.connectMcpClient("Imhotep");
  await commentNow(setup, "<p>First</p>");
  const answer = await callTool(client, "report", { task: "ONB-1", percent: 20 });
  expect(JSON.parse(getResultText(answer))).toMatchObject({ percent: 20, unread: 1, remarks: [{ text: "First" }] });
  await commentNow(setup, "<p>Second</p>");
  const refusal = await callTool(client, "update_task_status", { task: "ONB-1", ...DONE });
  expect(refusal.isError).toBe(true);
  expect(getResultText(refusal)).toMatch(/is not done yet: people wrote to you(.|\n)*"by":"ada","text":"Second"/);
});

test("PEOPLE-01 done is refused once with the text while a remark is unread, and then passes", async () => {
  const setup = await createWorkingSetup();
  await commentNow(setup, "<p>Not without the <i>index</i>!</p>");
  const { error } = await getRefusal(setup, "Imhotep", "update_task_status", { task: "ONB-1", ...DONE });
  expect(error.code).toBe("conflict");
  expect(error.message).toContain('"by":"ada","text":"Not without the index!"');
  expect(setup.app.readPlaneItem(setup.task).state).toBe("In Progress");
  expect(await setDone(setup)).toMatchObject({ status: "done" });
});

test("PEOPLE-01 done is refused for a comment whose webhook was lost and that no poll has found", async () => {
  const setup = await createWorkingSetup();
  const { app, task } = setup;
  app.advance(1_000);
  app.plane.addComment(task, "<p>Wait, in French!</p>");
  app.dropWebhooks();
  const { error } = await getRefusal(setup, "Imhotep", "update_task_status", { task: "ONB-1", ...DONE });
  expect(error.message).toContain("Wait, in French!");
  expect(await setDone(setup)).toMatchObject({ status: "done" });
  await setup.work();
  expect(setup.takeWakes().filter(({ message }) => message.includes("French"))).toEqual([]);
});

test("PEOPLE-01 before a task is finished its comments are read with one request", async () => {
  const setup = await createWorkingSetup();
  await commentNow(setup, "<p>Wait</p>");
  const requests = await setup.app.recordRequests(() =>
    getRefusal(setup, "Imhotep", "update_task_status", { task: "ONB-1", ...DONE }),
  );
  expect(requests.filter((request) => request === "GET work-items/:id/comments")).toHaveLength(1);
});

test("PEOPLE-01 done is refused for a comment that arrives while the write waits for Plane's quota", async () => {
  const setup = await createWorkingSetup();
  // The second request at the agent's pace waits for a second.
  await setup.call("Imhotep", "add_comment", { task: "ONB-1", text: "Nearly done" });
  await setup.call("Imhotep", "add_comment", { task: "ONB-1", text: "One more minute" });
  setup.app.onNextWait(() => commentNow(setup, "<p>Wait, not like this</p>"));
  const { error } = await getRefusal(setup, "Imhotep", "update_task_status", { task: "ONB-1", ...DONE });
  expect(error.message).toContain("Wait, not like this");
  expect(setup.app.readPlaneItem(setup.task).state).toBe("In Progress");
  expect(await setDone(setup)).toMatchObject({ status: "done" });
  await setup.app.runUntilIdle();
  const comments = setup.app.plane.comments(setup.task);
  expect(comments.filter(({ comment_html }) => comment_html.includes("It is done."))).toHaveLength(1);
});

test("PEOPLE-01 an agent that finishes between the writing of a comment and its webhook is woken for it, and not for later ones", async () => {
  const setup = await createWorkingSetup();
  const { app, task } = setup;
  // Written after the comments were read for `done`, and before the task is done in Plane.
  app.plane.faults.beforeRequest(({ method, path }) => {
    if (method !== "PATCH" || !path.endsWith(`${task.id}/`)) return;
    app.plane.faults.beforeRequest(undefined);
    app.plane.addComment(task, "<p>Stop, wait for me</p>");
  });
  await setDone(setup);
  await setup.work();
  const wakes = setup.takeWakes();
  const told = wakes.filter(({ message }) => message.includes("Stop, wait for me"));
  expect(told.map(({ agent }) => agent)).toEqual(["imhotep"]);
  app.advance(60_000);
  await setup.comment("<p>Thank you all</p>");
  expect(setup.takeWakes().filter(({ message }) => message.includes("Thank you"))).toEqual([]);
});

test("PEOPLE-01 an agent that gave its task back before a comment was seen is woken for it, beside the new one", async () => {
  const setup = await createWorkingSetup();
  const { app, task } = setup;
  app.advance(60_000);
  app.plane.addComment(task, "<p>Who does this?</p>");
  app.plane.runWorker();
  app.advance(1_000);
  app.plane.editItem(task, { assignees: [app.getUser("Thot")] });
  // The webhook of the assignment arrives first.
  const { pending } = app.plane.deliveries;
  app.plane.deliveries.reorder(pending.filter(({ body }) => !body.includes("issue_comment")).map(({ id }) => id));
  await setup.work();
  const told = setup.takeWakes().filter(({ message }) => message.includes("Who does this?"));
  expect(told.map(({ agent }) => agent).sort()).toEqual(["imhotep", "thot"]);
});

test("PEOPLE-01 an agent that does not call is woken for a remark, three times, and a person is notified", async () => {
  const setup = await createWorkingSetup();
  await setup.comment("<p>Are you there?</p>");
  expect(setup.takeWakes()).toHaveLength(1);
  await setup.advanceSeconds(3_600);
  expect(setup.takeWakes().filter(({ message }) => message.includes("Are you there?"))).toHaveLength(2);
  expect(setup.notices).toHaveLength(1);
});

test("PEOPLE-01 with polls only, remarks and stops reach the agent", async () => {
  const setup = await createWorkingSetup();
  const { app, task } = setup;
  const pollOnly = async () => {
    app.dropWebhooks();
    await app.poll();
    await setup.advanceSeconds(8);
  };
  app.plane.addComment(task, "<p>Only a poll sees this</p>");
  await pollOnly();
  expect(setup.takeWakes()[0]?.message).toContain("Only a poll sees this");
  expect(await setup.call("Imhotep", "report", { task: "ONB-1", text: "x" })).toMatchObject({ unread: 1 });
  app.plane.addComment(task, "<p>arrête : mauvais client</p>");
  await pollOnly();
  const { error } = await getRefusal(setup, "Imhotep", "get_task_details", { task: "ONB-1" });
  expect(error).toMatchObject({ code: "stopped", message: expect.stringContaining('"arrête : mauvais client"') });
});

test("PEOPLE-01 list_my_tasks has the number of unread remarks and does not count as reading them", async () => {
  const setup = await createWorkingSetup();
  await commentNow(setup, "<p>One</p>");
  await commentNow(setup, "<p>Two</p>");
  for (let n = 0; n < 2; n += 1)
    expect(await setup.call("Imhotep", "list_my_tasks")).toMatchObject({ tasks: [{ key: "ONB-1", unread: 2 }] });
  expect(await setup.call("Imhotep", "get_task_details", { task: "ONB-1" })).toMatchObject({ unread: 2 });
  expect(await setup.call("Imhotep", "list_my_tasks")).not.toMatchObject({ tasks: [{ unread: 2 }] });
});

test("PEOPLE-01 the agent card says who has read a remark and when, and the board has what is unread", async () => {
  const setup = await createWorkingSetup();
  const { app } = setup;
  const readBoard = async () => {
    const response = await app.request("/api/board", HTTP_ADMIN_TOKEN);
    return JSON.stringify(await response.json());
  };
  await commentNow(setup, "<p>Hello</p>");
  expect(await readBoard()).toContain('"unread":1');
  await setup.advanceSeconds(8);
  expect(setup.readCard()).toMatch(/Received:<\/strong> from ada.*“Hello”/);
  expect(setup.readCard()).not.toContain("read by");
  await setup.call("Imhotep", "report", { task: "ONB-1", text: "x" });
  await setup.advanceSeconds(40);
  expect(setup.readCard()).toMatch(/“Hello”, read by Imhotep \d\d:\d\d/);
  expect(await readBoard()).not.toContain('"unread"');
});

test("PEOPLE-01 a comment that overtakes the webhook of the assignment is for the assigned agent", async () => {
  const setup = await createWorkingSetup();
  const { app } = setup;
  const fresh = app.plane.addItem(app.onb, { name: "Fresh", state: "Todo", assignees: [app.getUser("Thot")] });
  app.advance(1_000);
  app.plane.addComment(fresh, "<p>Begin with the index</p>");
  app.plane.runWorker();
  const { pending } = app.plane.deliveries;
  app.plane.deliveries.reorder(pending.filter(({ body }) => body.includes("issue_comment")).map(({ id }) => id));
  await app.deliverWebhooks(1);
  await setup.work();
  expect(setup.takeWakes().filter(({ message }) => message.includes("Begin with the index"))).toHaveLength(1);
});
