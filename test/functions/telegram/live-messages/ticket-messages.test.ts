import { expect, test } from "vitest";
import { GROUP_CHAT, toPlainText } from "../commands/commands-app.ts";
import { createTicketMessagesApp } from "../ticket-messages-app.ts";

const TITLE = "Ticket to approve";

test("a ticket whose text the chat does not show whole is approved neither by a reply, a crafted press nor a command", async () => {
  const app = await createTicketMessagesApp();
  await app.requestTicketMessage("Paint", { description_html: `<p>${"Paint the door. ".repeat(300)}</p>` });
  const message = app.findMessage(TITLE);
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

test("hostile titles and descriptions are shown as text, and long ones are shortened with what decides in full", async () => {
  const app = await createTicketMessagesApp();
  const name = "<b>x</b> @all /start\u202e txt.exe [a](https://evil.example)";
  const line = "*_`~ @everyone https://evil.example $(id) ; \u001b[31m\u200b";
  await app.requestTicketMessage(name, { description_html: `<p>${line}</p>`.repeat(400) });
  const message = app.findMessage(TITLE);
  expect(message?.text.length).toBeLessThanOrEqual(4_096);
  for (const character of ["\u202e", "\u001b", "\u200b"]) expect(message?.text).not.toContain(character);
  // Only the task's title is a link: to the task in Plane.
  const others = message?.entities.filter(({ type }) => type !== "bold");
  expect(others).toEqual([
    expect.objectContaining({ type: "text_link", url: expect.stringContaining("/browse/ONB-1") }),
  ]);
  const lines = toPlainText(message).split("\n");
  expect(lines).toContain("… shortened; all of it is on the page.");
  expect(lines.at(-1)).toContain("does not show all of it");
  expect(app.getButtonLabels(message)).toEqual(["✖️ Reject"]);
});

test("a mute entry suppresses tickets, and a rule with another chat sends them there, too", async () => {
  const muted = await createTicketMessagesApp({}, { config: { notifications: [{ events: ["ticket"], mute: true }] } });
  await muted.requestTicketMessage();
  expect(muted.getBotMessages()).toEqual([]);

  const OTHER_CHAT = -100_300;
  const app = await createTicketMessagesApp(
    {},
    { chats: [GROUP_CHAT, OTHER_CHAT], config: { notifications: [{ events: ["ticket"], chat: OTHER_CHAT }] } },
  );
  await app.requestTicketMessage();
  expect(app.getBotMessages()).toHaveLength(1);
  expect(app.getBotMessages(OTHER_CHAT).map(({ buttons }) => buttons)).toEqual([[]]);
});
