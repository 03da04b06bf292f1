import { expect, test } from "vitest";
import { createTicketMessagesApp, type TicketMessagesApp } from "../ticket-messages-app.ts";
import { toPlainText } from "./commands-app.ts";

/** Makes ONB-1 a task in review whose ticket waits for approval. */
async function createReviewApp(): Promise<TicketMessagesApp> {
  const app = await createTicketMessagesApp();
  const key = await app.startTask("Imhotep");
  await app.actAs("Imhotep").setStatus(key, { status: "done", text: "I think so", confidence: 0.4 });
  await app.advanceAndDrain();
  expect(await app.read("/api/pending-tickets")).toMatchObject({ count: 1 });
  return app;
}

test.each([
  ["🎫 The ticket: ONB-1 Write the mail", "In Progress", 1],
  ["🔍 The review: ONB-1 Write the mail", "Done", 0],
])("/plane approve asks when a ticket and a review wait: %s", async (label, state, sessions) => {
  const app = await createReviewApp();
  const [reply] = await app.sendMessage("/plane approve ONB-1");
  expect(app.getButtonLabels(reply)).toEqual([
    "🎫 The ticket: ONB-1 Write the mail",
    "🔍 The review: ONB-1 Write the mail",
  ]);
  await app.pressButton(reply, label);
  await app.advanceAndDrain();
  expect(app.plane.items(app.onb).map((item) => app.readPlaneItem(item).state)).toEqual([state]);
  expect((await app.exchange()).sessions).toHaveLength(sessions);
});

test("/plane reject asks, too, and sends the review back with its reason", async () => {
  const app = await createReviewApp();
  const [reply] = await app.sendMessage("/plane reject ONB-1 Not yet: <b>more</b>");
  await app.pressButton(reply, /review/);
  await app.advanceAndDrain();
  expect(
    app.plane
      .items(app.onb)
      .flatMap((item) => app.readComments(item))
      .join(),
  ).toContain("Not yet: &#60;b&#62;more");
  expect(await app.read("/api/pending-tickets")).toMatchObject({ count: 1 });
});

test("a button about a review approves nothing after another round of the review", async () => {
  const app = await createReviewApp();
  const [reply] = await app.sendMessage("/plane approve ONB-1");
  const [reject] = await app.sendMessage("/plane reject ONB-1 Not yet");
  await app.pressButton(reject, /review/);
  await app.advanceAndDrain();
  const agent = app.actAs("Imhotep");
  await agent.setStatus("ONB-1", { status: "in_progress" });
  await agent.setStatus("ONB-1", { status: "done", text: "Now it is", confidence: 0.4 });
  await app.advanceAndDrain();
  await app.pressButton(reply, /review/);
  await app.advanceAndDrain();
  expect(toPlainText(app.getBotMessages().find(({ id }) => id === reply?.id))).toContain(
    "Sent back by Ada (Telegram): Not yet",
  );
  expect(app.plane.items(app.onb).map((item) => app.readPlaneItem(item).state)).toEqual(["In Progress"]);
});

test("/plane approve asks before it approves a result", async () => {
  const app = await createTicketMessagesApp();
  const item = await app.requestTicketMessage();
  await app.startSession();
  await app.call("/api/sessions/ONB-1/complete", { summary: "All is done" });
  await app.advanceAndDrain();
  const [reply] = await app.sendMessage("/plane approve ONB-1");
  expect(app.readComments(item).join()).not.toContain("All is done");
  await app.pressButton(reply, "🎫 The result: ONB-1 Write it down");
  await app.advanceAndDrain();
  expect(app.readComments(item).join()).toContain("All is done");
});

test("/plane status counts tickets, and lists those that wait for you", async () => {
  const app = await createTicketMessagesApp();
  await app.requestTicketMessage("One");
  await app.requestTicketMessage("Two");
  const token = await app.startSession();
  await app.askBySession(token, { hook_event_name: "Stop", last_assistant_message: "Which colour?" });
  const lines = (await app.sendAndGetReply("/plane status")).split("\n");
  expect(lines).toContain("🎫 Tickets: 1 waits for approval, 1 session, 0 results to approve");
  expect(lines).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/❓ ONB-1 One \(Claude Code, .*Which colour/),
      expect.stringMatching(/🎫 ONB-2 Two \(ada, /),
    ]),
  );
});
