import { expect, test } from "vitest";
import { GROUP_CHAT, STRANGER_USER, toPlainText } from "../commands/commands-app.ts";
import { createTicketMessagesApp } from "../ticket-messages-app.ts";

const ADA = "Ada (Telegram)";
const TITLE = "Ticket to approve";

test("a ticket that waits for approval is sent with a sound: title, project, who asked and why, its text, and buttons, for people who may", async () => {
  const app = await createTicketMessagesApp();
  await app.requestTicketMessage("Write it down", { description_html: "<p>All of <b>it</b></p>", priority: "high" });
  expect(app.readLines(TITLE)).toEqual([
    "🎫 Ticket to approve: ONB-1 Write it down",
    "Project: Onboarding",
    "Priority: high",
    "Requested by ada (new task)",
    "All of **it**",
    "Nothing runs before you approve. The session gets exactly this text.",
  ]);
  const message = app.findMessage(TITLE);
  expect(message?.silent).toBeFalsy();
  expect(app.getButtonLabels(message)).toEqual(["✅ Approve", "✖️ Reject"]);
  expect(await app.tapButton(message, "✖️ Reject", STRANGER_USER)).toBe("");
  await app.replyTo(message, "ok", STRANGER_USER);
  expect(await app.read("/api/pending-tickets")).toMatchObject({ count: 1 });
  expect(await app.tapButton(message, "✖️ Reject")).toBe(`Rejected by ${ADA}`);
  expect(app.readLines(TITLE).at(-1)).toBe(`✖️ Rejected by ${ADA}`);
  expect((await app.exchange()).sessions).toEqual([]);
});

test("a ticket whose text changed in Plane is not approved by the old button: the message shows the new text with new buttons", async () => {
  const app = await createTicketMessagesApp();
  const item = await app.requestTicketMessage();
  const earlier = app.findMessage(TITLE);
  app.plane.editItem(item, { description_html: "<p>Delete everything</p>" });
  const old = earlier?.buttons[0]?.[0]?.callback_data ?? "";
  const changed = "ONB-1 has changed. Read it again before you approve it.";
  expect(await app.tapButtonData(earlier?.id ?? 0, old)).toBe(changed);
  expect((await app.exchange()).sessions).toEqual([]);
  expect(app.readLines(TITLE)).toEqual(
    expect.arrayContaining(["Delete everything", "✏️ The text has changed since this message was sent."]),
  );
  const message = app.findMessage(TITLE);
  expect(message?.id).toBe(earlier?.id);
  expect(await app.tapButtonData(earlier?.id ?? 0, old)).toBe(changed);
  expect(await app.tapButton(message, "✅ Approve")).toBe(`Approved by ${ADA}`);
  expect((await app.exchange()).sessions[0]?.ticket_file).toContain("Delete everything");
});

test("a ticket whose changed text its message does not show yet is approved by no command, but by its button afterwards", async () => {
  const app = await createTicketMessagesApp();
  const item = await app.requestTicketMessage();
  app.plane.editItem(item, { name: "Another title" });
  app.telegram.injectFaults({ kind: "too_many", seconds: 30 });
  for (let n = 0; n < 2; n += 1) {
    await app.sendMessage("/plane approve ONB-1");
    expect((await app.exchange()).sessions).toEqual([]);
  }
  await app.advanceAndDrain(40_000);
  await app.tapButton(app.findMessage("Another title"), "✅ Approve");
  expect((await app.exchange()).sessions).toHaveLength(1);
});

test("a long ticket with hostile texts is shown as text, and approved neither by a reply, a crafted press nor a command", async () => {
  const app = await createTicketMessagesApp();
  const name = "<b>x</b> @all /start\u202e txt.exe [a](https://evil.example)";
  const line = "*_`~ @everyone https://evil.example $(id) ; \u001b[31m\u200b";
  await app.requestTicketMessage(name, { description_html: `<p>${line}</p>`.repeat(400) });
  const message = app.findMessage(TITLE);
  expect(message?.text.length).toBeLessThanOrEqual(4_096);
  for (const character of ["\u202e", "\u001b", "\u200b"]) expect(message?.text).not.toContain(character);
  // Only the task's title is a link: to the task in Plane.
  expect(message?.entities.filter(({ type }) => type !== "bold")).toEqual([
    expect.objectContaining({ type: "text_link", url: expect.stringContaining("/browse/ONB-1") }),
  ]);
  expect(app.getButtonLabels(message)).toEqual(["✖️ Reject"]);
  const reject = message?.buttons[0]?.[0]?.callback_data ?? "";
  const toast = await app.tapButtonData(message?.id ?? 0, reject.replace(":reject.", ":approve."));
  expect(toast).toContain("does not show all of it");
  for (const act of [() => app.replyTo(message, "ok"), () => app.sendMessage("/plane approve ONB-1")]) {
    await act();
    expect(toPlainText(app.getBotMessages().at(-1))).toContain("does not show all of it");
  }
  expect((await app.read("/api/requests")).requests).toEqual([expect.objectContaining({ kind: "ticket" })]);
  expect(await app.tapButtonData(message?.id ?? 0, reject)).toContain("Rejected");
});

test("a rule with another chat sends tickets there, too, without buttons, and a mute entry sends none", async () => {
  const otherChat = -100_300;
  const chats = [GROUP_CHAT, otherChat];
  for (const [rule, messages, others] of [
    [{ chat: otherChat }, 1, [[]]],
    [{ mute: true }, 0, []],
  ] as const) {
    const notifications = [{ events: ["ticket"], ...rule }];
    const app = await createTicketMessagesApp({}, { chats, config: { notifications } });
    await app.requestTicketMessage();
    expect(app.getBotMessages()).toHaveLength(messages);
    expect(app.getBotMessages(otherChat).map(({ buttons }) => buttons)).toEqual(others);
  }
});
