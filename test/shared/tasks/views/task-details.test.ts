import { expect, test } from "vitest";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";
import { getTool } from "../../../support/get-tool.ts";

async function createDetailsApp() {
  const app = await createAgentTestApp();
  const list = "<p>Done when:</p><ul><li>file report.pdf</li></ul>";
  const description_html = `<h2>Plan</h2><p>All of <strong>it</strong>.</p>${list}`;
  const item = app.addTask("Write it down", "Thot", { description_html });
  await app.runFirstPoll();
  return { app, item, read: () => app.actAs("Thot").details("ONB-1") };
}

test("OPENCLAW-03 task details contain the text as Markdown, comments, history, attachments, times, the holder and the done criteria", async () => {
  const { app, item, read } = await createDetailsApp();
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress", session: "openclaw-session-1" });
  await app.runUntilIdle();
  app.advance(60_000);
  app.plane.addComment(item, "<p>Mind the <em>gap</em></p>");
  const details = await read();
  expect(getTool("get_task_details").output.parse(details)).toEqual(details);
  const change = { by: "thot", what: "updated state", from: "Backlog", to: "In Progress" };
  expect(details).toMatchObject({
    ...{ key: "ONB-1", status: "in_progress", held_until: expect.any(String), claim: { agent: "Thot" } },
    text: expect.stringContaining("## Plan\n\nAll of **it**."),
    agent: { name: "Thot", session: "openclaw-session-1" },
    done_when: { summary: true, files: ["report.pdf"] },
    comments: { latest: expect.arrayContaining([expect.objectContaining({ by: "ada", text: "Mind the *gap*" })]) },
    history: { latest: expect.arrayContaining([expect.objectContaining(change)]) },
    attachments: { latest: [] },
    time: { latest: [{ agent: "Thot", from: expect.any(String) }], totals_s: { Thot: expect.any(Number) } },
  });
  expect(JSON.stringify(details.comments)).not.toContain("Agent card");
});

test("task details are read with one request to Plane, and with three more at once when the task has changed", async () => {
  const { app, item, read } = await createDetailsApp();
  app.plane.editItem(item, { name: "Write it up", state: "In Progress" });
  app.dropWebhooks();
  const began = app.time.now;
  const readRequests = async () => (await app.recordRequests(read)).sort();
  const parts = ["", "/activities", "/attachments", "/comments"].map((part) => `GET work-items/:id${part}`);
  expect(await readRequests()).toEqual(parts);
  expect(await readRequests()).toEqual(["GET work-items/:id"]);
  app.plane.addComment(item, "<p>One more wish</p>");
  app.plane.runWorker();
  expect(await readRequests()).toEqual(parts);
  expect(app.time.now - began).toBe(0);
  const { title, status, comments } = await read();
  expect([title, status, comments.latest.at(-1)?.text]).toEqual(["Write it up", "in_progress", "One more wish"]);
});

test("OPENCLAW-14 the agent of a task may read what its task waits for, before and after that is done, and nothing else", async () => {
  const { app, item } = await createDetailsApp();
  const successor = app.addTask("Publish it", "Imhotep");
  app.addTask("Keep it secret", "Thot");
  app.plane.relate(successor, item);
  const settle = async () => {
    await app.pollUntilIdle();
  };
  const read = (key: string) => app.actAs("Imhotep").details(key);
  await settle();
  expect(await read("ONB-1")).toMatchObject({ key: "ONB-1" });
  app.plane.editItem(item, { state: "Done" });
  await settle();
  expect(await read("ONB-1")).toMatchObject({ status: "done" });
  expect((await read("ONB-2")).inputs).toEqual([{ key: "ONB-1", title: "Write it down", status: "done" }]);
  await expect(read("ONB-3")).rejects.toMatchObject({ code: "forbidden" });
  app.plane.editItem(successor, { state: "Done" });
  await settle();
  await expect(read("ONB-1")).rejects.toMatchObject({ code: "forbidden" });
});

test("task details show the latest entries of long lists, and texts of others without invisible characters, limited in length", async () => {
  const { app, item, read } = await createDetailsApp();
  app.plane.editItem(item, { description_html: `<p>one\u202e\u0007two</p><p>${"x".repeat(20_000)}</p>` });
  for (let i = 1; i <= 25; i++) {
    app.advance(1_000);
    app.plane.addComment(item, i === 25 ? `<p>a\u2066b</p><p>${"y".repeat(5_000)}</p>` : `<p>Comment ${i}</p>`);
  }
  const { text, comments } = await read();
  expect(text).toMatch(/^onetwo\n\nx+…$/);
  expect(text).toHaveLength(10_000);
  const texts = Array.from({ length: 19 }, (_, i) => `Comment ${i + 6}`);
  expect(comments.left_out).toBe(5);
  expect(comments.latest.map((comment) => comment.text)).toEqual([...texts, expect.stringMatching(/^ab\n\ny+…$/)]);
});
