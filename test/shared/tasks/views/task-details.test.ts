import { expect, test } from "vitest";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";
import { getTool } from "../../../support/get-tool.ts";

async function createDetailsApp() {
  const app = await createAgentTestApp();
  const item = app.addTask("Write it down", "Thot", {
    description_html:
      "<h2>Plan</h2><p>All of <strong>it</strong>.</p><p>Done when:</p><ul><li>file report.pdf</li></ul>",
  });
  await app.runFirstPoll();
  return { app, item };
}

test("OPENCLAW-03 task details contain the text as Markdown, comments, history, attachments, times, the holder and the done criteria", async () => {
  const { app, item } = await createDetailsApp();
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress", session: "openclaw-session-1" });
  await app.actAs("Thot").startTimer("ONB-1");
  await app.runUntilIdle();
  app.advance(60_000);
  app.plane.addComment(item, "<p>Mind the <em>gap</em></p>");
  const details = await app.actAs("Thot").details("onb-1");
  expect(getTool("get_task_details").output.parse(details)).toEqual(details);
  expect(details).toMatchObject({
    key: "ONB-1",
    status: "in_progress",
    held_until: expect.any(String),
    text: expect.stringContaining("## Plan\n\nAll of **it**."),
    claim: { agent: "Thot" },
    agent: { name: "Thot", session: "openclaw-session-1" },
    done_when: { summary: true, files: ["report.pdf"] },
    comments: { latest: expect.arrayContaining([expect.objectContaining({ by: "ada", text: "Mind the *gap*" })]) },
    history: {
      latest: expect.arrayContaining([
        expect.objectContaining({ by: "thot", what: "updated state", from: "Backlog", to: "In Progress" }),
      ]),
    },
    attachments: { latest: [] },
    time: { latest: [{ agent: "Thot", from: expect.any(String) }], totals_s: { Thot: expect.any(Number) } },
  });
  expect(JSON.stringify(details.comments)).not.toContain("Agent card");
});

test("task details are read with one request to Plane, and with three more at once when the task has changed", async () => {
  const { app, item } = await createDetailsApp();
  app.plane.editItem(item, { name: "Write it up", state: "In Progress" });
  app.dropWebhooks();
  const began = app.time.now;
  const readDetails = () => app.recordRequests(() => app.actAs("Thot").details("ONB-1"));
  const ALL_PARTS = [
    "GET work-items/:id",
    "GET work-items/:id/comments",
    "GET work-items/:id/activities",
    "GET work-items/:id/attachments",
  ];
  expect((await readDetails()).toSorted()).toEqual(ALL_PARTS.toSorted());
  expect(await readDetails()).toEqual(["GET work-items/:id"]);
  app.plane.addComment(item, "<p>One more wish</p>");
  app.plane.runWorker();
  expect((await readDetails()).toSorted()).toEqual(ALL_PARTS.toSorted());
  expect(app.time.now - began).toBe(0);
  const { title, status, comments } = await app.actAs("Thot").details("ONB-1");
  expect([title, status, comments.latest.at(-1)?.text]).toEqual(["Write it up", "in_progress", "One more wish"]);
});

test("OPENCLAW-14 the agent of a task may read what its task waits for, before and after that is done, and nothing else", async () => {
  const { app } = await createDetailsApp();
  const successor = app.addTask("Publish it", "Imhotep");
  const unrelated = app.addTask("Keep it secret", "Thot");
  const blocker = app.plane.items(app.onb).find(({ name }) => name === "Write it down");
  if (!blocker) throw new Error("The task is missing.");
  app.plane.relate(successor, blocker);
  await app.poll();
  await app.runUntilIdle();
  expect(await app.actAs("Imhotep").details("ONB-1")).toMatchObject({ key: "ONB-1" });
  app.plane.editItem(blocker, { state: "Done" });
  await app.poll();
  await app.runUntilIdle();
  expect(await app.actAs("Imhotep").details("ONB-1")).toMatchObject({ status: "done" });
  const { inputs } = await app.actAs("Imhotep").details(app.toTaskKey(successor));
  expect(inputs).toEqual([{ key: "ONB-1", title: "Write it down", status: "done" }]);
  const secret = app.actAs("Imhotep").details(app.toTaskKey(unrelated));
  await expect(secret).rejects.toMatchObject({ code: "forbidden" });
  app.plane.editItem(successor, { state: "Done" });
  await app.poll();
  await app.runUntilIdle();
  await expect(app.actAs("Imhotep").details("ONB-1")).rejects.toMatchObject({ code: "forbidden" });
});

test("task details show the latest entries of long lists and the number of those left out", async () => {
  const { app, item } = await createDetailsApp();
  for (let i = 1; i <= 25; i++) {
    app.advance(1_000);
    app.plane.addComment(item, `<p>Comment ${i}</p>`);
  }
  const { comments } = await app.actAs("Thot").details("ONB-1");
  expect(comments.left_out).toBe(5);
  expect(comments.latest.map(({ text }) => text)).toEqual(Array.from({ length: 20 }, (_, i) => `Comment ${i + 6}`));
});

test("task details contain texts of others without invisible and bidirectional characters, limited in length", async () => {
  const { app, item } = await createDetailsApp();
  app.plane.editItem(item, { description_html: `<p>one\u202e\u0007two</p><p>${"x".repeat(20_000)}</p>` });
  app.plane.addComment(item, `<p>a\u2066b</p><p>${"y".repeat(5_000)}</p>`);
  const { text, comments } = await app.actAs("Thot").details("ONB-1");
  expect(text).toMatch(/^onetwo\n\nx+…$/);
  expect(text).toHaveLength(10_000);
  expect(comments.latest[0]?.text).toMatch(/^ab\n\ny+…$/);
});
