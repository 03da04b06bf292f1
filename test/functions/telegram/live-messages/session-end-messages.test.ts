import { expect, test } from "vitest";
import { toPlainText } from "../commands/commands-app.ts";
import { createTicketMessagesApp } from "../ticket-messages-app.ts";

const ADA = "Ada (Telegram)";

async function createRunningApp() {
  const app = await createTicketMessagesApp();
  await app.requestTicketMessage();
  await app.startSession();
  return { app };
}

test("a session is asked about before its time is over, and cancelled by a button afterwards", async () => {
  const { app } = await createRunningApp();
  for (const minutes of [26, 5]) {
    app.advance(minutes * 60_000);
    await app.tick();
    await app.advanceAndDrain();
  }
  expect(app.readLines("time is almost over").at(-1)).toBe("ℹ️ No answer is needed any more.");
  expect(await app.tapButton(app.findMessage("session’s time is over"), "✖️ Cancel")).toBe(`Cancelled by ${ADA}`);
});

test("a silent session is reported once; a reply is typed into it, and its progress ends the report", async () => {
  const { app } = await createRunningApp();
  const last_progress_at = new Date(app.time.now).toISOString();
  app.advance(5 * 60_000 + 1_000);
  await app.exchangeAndSend({ last_progress_at });
  await app.exchangeAndSend({ last_progress_at });
  const messages = app.getBotMessages().filter((message) => toPlainText(message).includes("needs a look"));
  expect(messages).toHaveLength(1);
  expect(messages[0]?.silent).toBeFalsy();
  expect(app.readLines("needs a look")[1]).toMatch(/^No progress since \d\d:\d\d\.$/);
  await app.replyTo(messages[0], "continue");
  expect((await app.exchangeAndSend({ last_progress_at })).sessions[0]?.inputs).toMatchObject([
    { kind: "text", text: "continue" },
  ]);
  await app.exchangeAndSend({ last_progress_at: new Date(app.time.now).toISOString() });
  expect(app.readLines("needs a look").at(-1)).toBe("ℹ️ No answer is needed any more.");
});

test("a start dialog is shown as text, and a changed screen edits its message", async () => {
  const { app } = await createRunningApp();
  await app.exchangeAndSend({ attention: "Do you trust\n<b>@all</b>?\u001b[1m" });
  expect(app.readLines("needs a look").slice(1, 3)).toEqual(["Do you trust", "<b>@all</b>?[1m"]);
  await app.exchangeAndSend({ attention: "Do you really?" });
  expect(app.getBotMessages().filter((message) => toPlainText(message).includes("needs a look"))).toHaveLength(1);
  expect(app.readLines("needs a look")[1]).toBe("Do you really?");
});

test("a reply to a start dialog is not typed: nothing of it would reach the dialog", async () => {
  const app = await createTicketMessagesApp();
  await app.requestTicketMessage();
  await app.call("/api/approve/ONB-1");
  await app.exchange();
  await app.exchangeAndSend({ state: "starting", attention: "Claude asks at its start. Answer in the terminal." });
  await app.replyTo(app.findMessage("needs a look"), "yes");
  expect(app.findMessage("so nothing is typed")).toBeDefined();
  expect((await app.exchangeAndSend({ state: "starting" })).sessions[0]?.inputs).toEqual([]);
});
