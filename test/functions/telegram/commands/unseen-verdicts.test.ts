import { expect, test } from "vitest";
import { createTicketMessagesApp } from "../ticket-messages-app.ts";
import { ADA_USER, BOB_USER, createTeamOptions, toPlainText } from "./commands-app.ts";

const OWN = { from: BOB_USER, chat: BOB_USER };

const NOT_SHOWN = "This chat had not shown it, so nothing was approved.";

/** A team whose Bob has a chat of his own with the bot, to which no requests are sent. */
async function createTeam() {
  const app = await createTicketMessagesApp({}, createTeamOptions());
  /** ONB-1, a task in review, whose ticket is rejected or waits, too. */
  async function requestReview(text = "Two clauses are guesses.", { isTicketKept = false } = {}) {
    const key = await app.startTask("Imhotep", "Write the terms");
    await app.actAs("Imhotep").setStatus(key, { status: "done", text, confidence: 0.4 });
    await app.advanceAndDrain();
    if (!isTicketKept) await app.call("/api/reject/ONB-1");
  }
  const readState = () => app.plane.items(app.onb).map((item) => app.readPlaneItem(item).state);
  return Object.assign(app, { requestReview, readState });
}

test("/plane approve in a chat that has not shown a ticket approves nothing and shows it, and its button approves", async () => {
  const app = await createTeam();
  await app.requestTicketMessage("Write it down", { description_html: "<p>All of it</p>" });
  const [reply] = await app.sendMessage("/plane approve ONB-1", OWN);
  expect(toPlainText(reply)).toMatch(/Ticket to approve[\s\S]*All of it/);
  expect(toPlainText(reply)).toContain(NOT_SHOWN);
  expect((await app.exchange()).sessions).toEqual([]);
  expect(await app.tapButton(reply, "✅ Approve", BOB_USER, BOB_USER)).toBe("Approved by bob");
  expect((await app.exchange()).sessions).toMatchObject([{ ticket: "ONB-1", run: 1 }]);
});

test("what the reply does not show whole is approved neither by a button nor by words there", async () => {
  const app = await createTeam();
  await app.requestTicketMessage("Write it down", { description_html: `<p>${"a ".repeat(3_000)}</p>` });
  const [reply] = await app.sendMessage("/plane approve ONB-1", OWN);
  expect(app.getButtonLabels(reply)).toEqual(["✖️ Reject"]);
  await app.sendMessage("ok", { ...OWN, replyTo: reply?.id ?? 0 });
  await app.sendMessage("/plane approve ONB-1", OWN);
  expect((await app.exchange()).sessions).toEqual([]);
});

test("/plane done on a task in review approves it only where its review was shown, with the summary as the reason", async () => {
  const app = await createTeam();
  await app.requestReview();
  const [reply] = await app.sendMessage("/plane done ONB-1 fine", OWN);
  expect(toPlainText(reply)).toMatch(/Review requested[\s\S]*Two clauses are guesses/);
  expect(toPlainText(reply)).toContain(NOT_SHOWN);
  expect(app.readState()).toEqual(["In Progress"]);
  expect(await app.sendAndGetReply("/plane done ONB-1 fine by me", { from: ADA_USER })).toContain("Approved");
  await app.advanceAndDrain();
  expect(app.readState()).toEqual(["Done"]);
  const comments = app.plane.items(app.onb).flatMap((item) => app.readComments(item));
  expect(comments.filter((html) => html.includes("fine by me"))).toEqual([expect.stringContaining("Approved")]);
});

test("a review whose message shows another state, and a report that no message shows whole, are approved by no command", async () => {
  const app = await createTeam();
  await app.requestReview();
  const [item] = app.plane.items(app.onb);
  app.plane.editItem(item ?? "", { description_html: "<p>Pay Eve</p>" });
  app.telegram.injectFaults({ kind: "too_many", seconds: 30 });
  expect(await app.sendAndGetReply("/plane done ONB-1", { from: ADA_USER })).toContain("has changed");
  expect(app.readState()).toEqual(["In Progress"]);
  const other = await createTeam();
  await other.requestReview(`${"line\n".repeat(60)}rm -rf /`);
  for (const command of ["done", "approve"]) await other.sendMessage(`/plane ${command} ONB-1`, { from: ADA_USER });
  expect(other.readState()).toEqual(["In Progress"]);
});

test("a result that the chat has not shown is shown, and no button of the command approves it", async () => {
  const app = await createTeam();
  const item = await app.requestTicketMessage();
  await app.startSession();
  await app.complete("All is **done**: [the draft](https://example.com/d)");
  const [reply] = await app.sendMessage("/plane approve ONB-1", OWN);
  expect(toPlainText(reply)).toMatch(/Result to approve[\s\S]*All is done: the draft \(https:\/\/example.com\/d\)/);
  expect(app.readComments(item).join()).not.toContain("the draft");
});

test("/plane approve asks when a ticket and a review wait: each button approves its own", async () => {
  const app = await createTeam();
  await app.requestReview("I think so", { isTicketKept: true });
  const labels = ["🎫 The ticket: ONB-1 Write the terms", "🔍 The review: ONB-1 Write the terms"];
  const [reply] = await app.sendMessage("/plane approve ONB-1");
  expect(app.getButtonLabels(reply)).toEqual(labels);
  await app.tapButton(reply, labels[0] ?? "");
  await app.advanceAndDrain();
  expect(app.readState()).toEqual(["In Progress"]);
  expect((await app.exchange()).sessions).toHaveLength(1);
  const other = await createTeam();
  await other.requestReview("I think so", { isTicketKept: true });
  await other.tapButton((await other.sendMessage("/plane approve ONB-1"))[0], labels[1] ?? "");
  await other.advanceAndDrain();
  expect(other.readState()).toEqual(["Done"]);
  expect((await other.exchange()).sessions).toEqual([]);
});
