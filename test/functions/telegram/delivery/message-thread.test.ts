import { expect, test } from "vitest";
import { toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp } from "../live-messages-app.ts";
import { createNotice, createNotices, createOutboxSetup, enqueueNotices, OUTBOX_CHAT } from "../outbox-setup.ts";

test("the thread of a task: messages of a task reply to its first message, also after restarts", async () => {
  const rig = await createLiveMessagesApp();
  const key = await rig.startTask("Imhotep");
  const [first] = rig.getBotMessages();
  await rig.advanceAndDrain(25_000);
  await rig.askQuestion("Imhotep", key, { text: "Which colour?" });
  await rig.restart();
  await rig.advanceAndDrain(25_000);
  await rig.actAs("Imhotep").setStatus(key, { status: "done", text: "Painted", confidence: 1 });
  await rig.advanceAndDrain(10_000);
  const others = rig.getBotMessages().filter(({ id }) => id !== first?.id);
  expect(others.map((text) => toPlainText(text).split(":")[0])).toEqual(["❓ Question from Imhotep", "✅ Completed"]);
  expect(others.map(({ replyTo }) => replyTo)).toEqual([first?.id, first?.id]);
});

test("the thread of a task: messages of another task or about several tasks are not part of the thread", async () => {
  const rig = await createOutboxSetup();
  await enqueueNotices(rig.store, createNotices(1, 1));
  await rig.runUntilEmpty();
  rig.time.now += 30_000;
  await enqueueNotices(rig.store, createNotices(2, 2));
  await rig.runUntilEmpty();
  rig.time.now += 30_000;
  await enqueueNotices(rig.store, [createNotice(1)]);
  await rig.runUntilEmpty();
  expect(rig.telegram.chat(OUTBOX_CHAT).messages.map(({ replyTo }) => replyTo)).toEqual([undefined, undefined, 1]);
});

test("the thread of a task: when the first message was deleted, the next one is sent without a reply", async () => {
  const rig = await createOutboxSetup();
  await enqueueNotices(rig.store, [createNotice(1)]);
  await rig.runUntilEmpty();
  rig.telegram.removeMessage(OUTBOX_CHAT, 1);
  rig.time.now += 30_000;
  await enqueueNotices(rig.store, [createNotice(1)]);
  await rig.runUntilEmpty();
  const [message] = rig.telegram.chat(OUTBOX_CHAT).messages;
  expect(message?.text).toContain("ONB-1");
  expect(message?.replyTo).toBeUndefined();
});

test("the thread of a task: a new thread begins after seven days", async () => {
  const rig = await createOutboxSetup();
  for (const days of [0, 8, 1]) {
    rig.time.now += days * 86_400_000;
    await enqueueNotices(rig.store, [createNotice(1)]);
    await rig.runUntilEmpty();
  }
  expect(rig.telegram.chat(OUTBOX_CHAT).messages.map(({ replyTo }) => replyTo)).toEqual([undefined, undefined, 2]);
});
