import { expect, test } from "vitest";
import { DAY, HOUR } from "../../../../shared/time.ts";
import { createHttpTestApp } from "../../../support/http-test-app.ts";
import { STRANGER_USER, toPlainText } from "../commands/commands-app.ts";
import { createMessagesApp } from "../messages-app.ts";

const QUESTION = { kind: "ask", text: "Dark mode for the blog, too?", choices: ["Yes", "No"] };
const SUMMARY = "Dark mode is live: 4 tasks, 2 h 10 min, 1.20 €.\n\nNext: the blog?";

test("a message of the Concierge is sent once within ten minutes, with its name and its lines", async () => {
  const app = await createMessagesApp();
  const answer = await app.messageHuman({ text: SUMMARY });
  expect(answer).toEqual({ message: expect.any(String), status: "queued" });
  expect(await app.messageHuman({ text: SUMMARY })).toEqual(answer);
  const messages = app.getBotMessages();
  expect(messages.map(toPlainText)).toEqual([`💬 Message from Concierge:\n${SUMMARY}`]);
  expect(messages[0]?.replyTo).toBeUndefined();
  app.advance(601_000);
  await app.messageHuman({ text: SUMMARY });
  expect(app.getBotMessages()).toHaveLength(2);
});

test("a message shows Markdown without its marks, and markup, mentions, links and commands as plain text (reliability 18)", async () => {
  const app = await createMessagesApp();
  const text = "<b>Done</b> **now** @all /start #tag http://evil.example [x](http://evil.example)\u202e";
  await app.messageHuman({ text });
  const [message] = app.getBotMessages();
  expect(toPlainText(message)).toBe(
    "💬 Message from Concierge:\n<b>Done</b> now @all /start #tag http://evil.example x (http://evil.example)",
  );
  expect(message?.entities.map(({ type }) => type)).toEqual(["bold"]);
});

test("a message is refused with what to do: an empty or long text, choices without a question, no chat, a worker (reliability 20)", async () => {
  const app = await createMessagesApp();
  expect(await app.messageHuman({ text: " \u200b\n" })).toContain("text is empty. Give a text that is visible.");
  expect(await app.messageHuman({ text: "Done", choices: ["Yes"] })).toContain('Set kind to "ask"');
  expect(await app.callTool("Imhotep", "message_human", { text: "Hello" })).toMatchObject({ status: 403 });
  expect(await app.messageHuman({ text: "x".repeat(3_501) })).toContain("text: Too big");
  expect(await app.messageHuman({ text: "@x".repeat(1_700) })).toContain("does not fit into one message");
  expect(await app.messageHuman({ text: "x".repeat(2_001), kind: "ask" })).toContain(
    "A question has at most 2000 characters. Shorten text.",
  );
  expect(app.getBotMessages()).toEqual([]);
  await app.messageHuman({ text: "x".repeat(3_500) });
  expect(app.getBotMessages()[0]?.text).toContain("x".repeat(3_500));
  const withoutChat = await createHttpTestApp();
  const { status, json } = await withoutChat.callTool("Concierge", "message_human", { text: "Done" });
  expect([status, JSON.stringify(json)]).toEqual([
    409,
    expect.stringContaining("No chat with the human is configured."),
  ]);
});

test("a question about no task is one while it is open; a press of an authorized user answers it and wakes the Concierge once (reliability 17)", async () => {
  const app = await createMessagesApp();
  const question = await app.messageHuman(QUESTION);
  expect(question).toEqual({ message: expect.any(String), status: "open" });
  const message = () => app.findMessage("Dark mode");
  expect(toPlainText(message())).toBe(
    "❓ Question from Concierge:\nDark mode for the blog, too?\n" +
      "Press a button, or reply to this message with your own answer.",
  );
  expect(app.getButtonLabels(message())).toEqual(["Yes", "No"]);
  expect(await app.messageHuman(QUESTION)).toEqual(question);
  expect(app.getBotMessages()).toHaveLength(1);
  expect(await app.tapButton(message(), "No", STRANGER_USER)).toBe("");
  await app.replyTo(message(), "No", STRANGER_USER);
  expect(await app.tapButton(message(), "No")).toBe("Answered by Ada (Telegram): No");
  expect(toPlainText(message())).toContain("💡 Answered by Ada (Telegram): \nNo");
  expect(app.getButtonLabels(message())).toEqual([]);
  expect(app.getWakes()).toEqual([expect.stringContaining("Ada (Telegram): No")]);
  expect(app.getWakes()[0]).toMatch(/^concierge: .*- Answer: Your question to the person is answered/s);
  expect(await app.messageHuman(QUESTION)).toEqual({
    ...Object(question),
    status: "answered",
    answer: "No",
    data: "others: answer (2)",
  });
});

test("a question about no task is asked again after one and six hours as a reply to its first message, and closed after 30 days", async () => {
  const app = await createMessagesApp();
  await app.messageHuman(QUESTION);
  const first = app.findMessage("Dark mode");
  expect(await app.sendAndGetReply("/plane status")).toMatch(
    /❓ Concierge, since \d\d:\d\d: Dark mode for the blog, too\?/,
  );
  await app.advanceAndDrain(HOUR + 5_000);
  expect(toPlainText(app.findMessage("reminder"))).toContain("Question (reminder) from Concierge:");
  expect(app.findMessage("reminder")?.replyTo).toBe(first?.id);
  expect(await app.messageHuman(QUESTION)).toMatchObject({ status: "open" });
  for (const time of [5 * HOUR, DAY, 29 * DAY]) {
    app.advance(time);
    await app.advanceAndDrain();
  }
  const asked = app.getBotMessages().filter((message) => /Question .*from Concierge/.test(toPlainText(message)));
  expect(asked).toHaveLength(3);
  for (const message of asked) {
    expect(toPlainText(message)).toContain("Nobody answered in time: no answer is needed.");
    expect(app.getButtonLabels(message)).toEqual([]);
  }
  await app.advanceAndDrain(60_000);
  expect(app.getWakes().filter((wake) => wake.includes("Nobody answered in time."))).toHaveLength(1);
});
