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

const readStates = (app: TicketMessagesApp) => app.plane.items(app.onb).map((item) => app.readPlaneItem(item).state);

test("/plane approve asks when a ticket and a review wait: each button approves its own", async () => {
  const app = await createReviewApp();
  const labels = ["🎫 The ticket: ONB-1 Write the mail", "🔍 The review: ONB-1 Write the mail"];
  const [reply] = await app.sendMessage("/plane approve ONB-1");
  expect(app.getButtonLabels(reply)).toEqual(labels);
  await app.pressButton(reply, labels[0] ?? "");
  await app.advanceAndDrain();
  expect(readStates(app)).toEqual(["In Progress"]);
  expect((await app.exchange()).sessions).toHaveLength(1);
  const other = await createReviewApp();
  await other.pressButton((await other.sendMessage("/plane approve ONB-1"))[0], labels[1] ?? "");
  await other.advanceAndDrain();
  expect(readStates(other)).toEqual(["Done"]);
  expect((await other.exchange()).sessions).toEqual([]);
});

test("a button about a review approves nothing after another round of the review", async () => {
  const app = await createReviewApp();
  const [reply] = await app.sendMessage("/plane approve ONB-1");
  const [reject] = await app.sendMessage("/plane reject ONB-1 Not yet: <b>more</b>");
  await app.pressButton(reject, /review/);
  await app.advanceAndDrain();
  const comments = app.plane.items(app.onb).flatMap((item) => app.readComments(item));
  expect(comments.join()).toContain("Not yet: &#60;b&#62;more");
  const agent = app.actAs("Imhotep");
  await agent.setStatus("ONB-1", { status: "in_progress" });
  await agent.setStatus("ONB-1", { status: "done", text: "Now it is", confidence: 0.4 });
  await app.advanceAndDrain();
  await app.pressButton(reply, /review/);
  await app.advanceAndDrain();
  const shown = app.getBotMessages().find(({ id }) => id === reply?.id);
  expect(toPlainText(shown)).toContain("Sent back by Ada (Telegram): Not yet");
  expect(readStates(app)).toEqual(["In Progress"]);
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
