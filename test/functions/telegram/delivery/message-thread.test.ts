import { expect, test } from "vitest";
import { toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp } from "../live-messages-app.ts";
import { createNotice, createOutboxSetup, enqueueNotices, OUTBOX_CHAT } from "../outbox-setup.ts";

test("the thread of a task: messages of a task reply to its first message, also after restarts", async () => {
  const app = await createLiveMessagesApp();
  const key = await app.startTask("Imhotep");
  const [first] = app.getBotMessages();
  await app.advanceAndDrain(25_000);
  await app.askQuestion("Imhotep", key, { text: "Which colour?" });
  await app.restart();
  await app.advanceAndDrain(25_000);
  await app.actAs("Imhotep").setStatus(key, { status: "done", text: "Painted", confidence: 1 });
  await app.advanceAndDrain(10_000);
  const others = app.getBotMessages().filter(({ id }) => id !== first?.id);
  expect(others.map((text) => toPlainText(text).split(":")[0])).toEqual(["❓ Question from Imhotep", "✅ Completed"]);
  expect(others.map(({ replyTo }) => replyTo)).toEqual([first?.id, first?.id]);
});

test("the thread of a task: when the first message was deleted, the next one is sent without a reply", async () => {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, [createNotice(1)]);
  await setup.runUntilEmpty();
  setup.telegram.removeMessage(OUTBOX_CHAT, 1);
  setup.time.now += 30_000;
  await enqueueNotices(setup.store, [createNotice(1)]);
  await setup.runUntilEmpty();
  const [message] = setup.telegram.chat(OUTBOX_CHAT).messages;
  expect(message?.text).toContain("ONB-1");
  expect(message?.replyTo).toBeUndefined();
});

test("the thread of a task: a new thread begins after seven days", async () => {
  const setup = await createOutboxSetup();
  for (const days of [0, 8, 1]) {
    setup.time.now += days * 86_400_000;
    await enqueueNotices(setup.store, [createNotice(1)]);
    await setup.runUntilEmpty();
  }
  expect(setup.telegram.chat(OUTBOX_CHAT).messages.map(({ replyTo }) => replyTo)).toEqual([undefined, undefined, 2]);
});
