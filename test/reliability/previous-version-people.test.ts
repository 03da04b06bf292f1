import { expect, test } from "vitest";
import { createPreviousVersionApp, getPlainText } from "./previous-version-app.ts";
import { listReportedCompletions, MINUTE_MS, TIMEOUT, workBacklog } from "./previous-version-backlog.ts";

test("people continue requests that they began under version 0.1", TIMEOUT, async () => {
  const app = await createPreviousVersionApp();
  await workBacklog(app);

  // A question is answered by its button.
  await app.pressButton(/^Red$/);
  const comments = app.plane.comments(app.findItem("Pick the colours")).map(({ comment_html }) => comment_html);
  expect(comments.filter((html) => html.includes("Red") && !html.includes("Blue"))).toHaveLength(1);
  const question = app.getBotMessages().find((message) => /Which colour\?/.test(getPlainText(message)));
  expect([question?.buttons, question ? getPlainText(question) : ""]).toEqual([[], expect.stringContaining("Red")]);

  // A choice and a page that were offered are still there.
  await app.pressButton(/^ONB-3 /);
  const chosen = app.getBotMessages().filter((message) => /ONB-3 Build the image\nProject/.test(getPlainText(message)));
  // The other message was requested by the task's name.
  expect(chosen).toHaveLength(2);
  await app.pressButton(/◀/);
  expect(app.getBotMessages().some((message) => message.edits.length > 1 && message.text.startsWith("📊"))).toBe(true);

  // A project stays muted until it is unmuted.
  await app.writeToChat("/plane unmute OPS");
  app.plane.editItem(app.findItem("Clean the racks"), { state: "Todo" });
  await app.deliverWebhooks();
  app.plane.editItem(app.findItem("Clean the racks"), { state: "Done" });
  await app.deliverWebhooks();
  expect(listReportedCompletions(app.getBotMessages()).filter((key) => key.startsWith("OPS"))).toEqual(["OPS-2"]);

  // A failed job is sent once more, once.
  const { dead_letters: failed } = (await (await app.request("/dead-letters")).json()) as {
    dead_letters: { queue: string; id: string }[];
  };
  for (const { queue, id } of failed) {
    const path = `/dead-letters/${queue}/${encodeURIComponent(id)}/replay`;
    expect((await app.request(path, { method: "POST" })).status).toBe(200);
  }
  await app.time.advance(MINUTE_MS);
  expect(app.posts.filter(({ url }) => url === "http://gone.example.test/hook").map(({ id }) => id)).toEqual(
    failed.map(({ id }) => id),
  );

  // A partial upload is removed half an hour after it was begun.
  const stage = app.findItem("Build the stage");
  expect(app.plane.attachments(stage)).toHaveLength(1);
  await app.time.advance(30 * MINUTE_MS, 10_000);
  expect(app.plane.attachments(stage)).toEqual([]);
});
