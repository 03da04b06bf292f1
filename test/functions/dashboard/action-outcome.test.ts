import { expect, test } from "vitest";
import { createOutcomeReader } from "../../../functions/dashboard/action-outcome.ts";
import type { ActionOutcome } from "../../../functions/dashboard/api-answers.ts";
import { trimSet } from "../../../functions/dashboard/trim-tick.ts";
import { createMutePut } from "../../../functions/telegram/delivery/mutes.ts";
import type { RequestedAction } from "../../../shared/decision-log/decision-log.ts";
import { forwardReceiptKey } from "../../../shared/outgoing/forward-receipt.ts";
import { type ChatMessage, chatMessageSet } from "../../../shared/telegram/message-log.ts";
import { createNotice, createOutboxSetup, enqueueNotices, OUTBOX_CHAT } from "../telegram/outbox-setup.ts";

async function createOutboxWithNotices(count: number) {
  const rig = await createOutboxSetup();
  const all = Array.from({ length: count }, (_, i) => createNotice(i + 1));
  await enqueueNotices(rig.store, all);
  const asked = all.map(
    ({ facts, correlation, event }): RequestedAction => ({
      rule: "completed tasks",
      target: `telegram:${OUTBOX_CHAT}`,
      queue: "outbox",
      job: `${facts.item?.id}:${correlation}:${event.kind}:telegram:${OUTBOX_CHAT}`,
    }),
  );
  const fates = async () => [...(await createOutcomeReader(rig)(asked)).values()];
  const chat = async () => (await rig.store.scan<ChatMessage>(chatMessageSet)).rows.map((row) => row.value);
  return { rig, fates, chat, asked };
}

const toFateKinds = (fates: ActionOutcome[]) => fates.map(({ is }) => is);

test("an action waits until it is delivered, and then says when and in which message", async () => {
  const { rig, fates } = await createOutboxWithNotices(1);
  expect(await fates()).toEqual([{ is: "waiting" }]);
  await rig.handleDueJobs();
  expect(await fates()).toEqual([
    { is: "delivered", at: rig.time.now, message: expect.stringMatching(/^message:\d+:42:1$/) },
  ]);
});

test("what is folded into a message is delivered with the edit that shows it", async () => {
  const { rig, fates, chat } = await createOutboxWithNotices(3);
  const began = rig.time.now;
  await rig.handleDueJobs();
  expect(toFateKinds(await fates())).toEqual(["delivered", "folded", "folded"]);
  await rig.runUntilEmpty();
  const all = await fates();
  expect(toFateKinds(all)).toEqual(["delivered", "delivered", "delivered"]);
  const [first, , last] = all.map((fate) => (fate.is === "delivered" ? fate.at : 0));
  expect([first, (last ?? 0) > began]).toEqual([began, true]);
  const [message] = await chat();
  expect(message?.shown.map(([notices]) => notices)).toEqual([1, 3]);
  expect(message?.text).toBe(rig.telegram.chat(OUTBOX_CHAT).messages[0]?.text);
  expect(message?.entities).toEqual(rig.telegram.chat(OUTBOX_CHAT).messages[0]?.entities);
});

test("what was told in a message that is not kept any more was delivered, when that message began", async () => {
  const { rig, fates } = await createOutboxWithNotices(3);
  const began = rig.time.now;
  await rig.runUntilEmpty();
  expect(await trimSet(rig.store, chatMessageSet, 0)).toBe(1);
  expect(await fates()).toEqual(Array(3).fill({ is: "delivered", at: began }));
});

test("a message that was deleted and sent anew stays one message, and says all it should", async () => {
  const { rig, fates, chat } = await createOutboxWithNotices(2);
  await rig.handleDueJobs();
  rig.telegram.removeMessage(OUTBOX_CHAT, 1);
  await rig.runUntilEmpty();
  expect(toFateKinds(await fates())).toEqual(["delivered", "delivered"]);
  const all = await chat();
  expect(all).toHaveLength(1);
  expect(all[0]).toMatchObject({ messageId: 2, text: rig.telegram.chat(OUTBOX_CHAT).messages[0]?.text });
});

test("what Telegram will never take is set aside with its reason", async () => {
  const { rig, fates } = await createOutboxWithNotices(1);
  rig.telegram.refuseChat(OUTBOX_CHAT, 400, "Bad Request: message is too strange");
  const [job] = await rig.takeJobs();
  if (!job) throw new Error("no job");
  await rig.store.settle(job, { dead: "Telegram refused the message: it is too strange" });
  expect(await fates()).toEqual([{ is: "set_aside", reason: "Telegram refused the message: it is too strange" }]);
});

test("a sending whose answer never came says that it may be there twice", async () => {
  const { rig, fates } = await createOutboxWithNotices(1);
  rig.telegram.injectFaults({ kind: "lost" });
  await rig.runUntilEmpty();
  expect(await fates()).toMatchObject([{ is: "delivered", repeat: true }]);
});

test("a forwarded event has its receipt", async () => {
  const { rig } = await createOutboxWithNotices(0);
  const asked: RequestedAction[] = [
    { rule: "forward[0]", target: "forward:x", queue: "forward", job: "item:1:2:created:x y" },
  ];
  const fates = createOutcomeReader(rig);
  expect([...(await fates(asked)).values()]).toEqual([{ is: "waiting" }]);
  await rig.store.commit({ put: [{ key: forwardReceiptKey("item:1:2:created:x y"), value: { at: 7 } }] });
  expect([...(await fates(asked)).values()]).toEqual([{ is: "delivered", at: 7 }]);
});

test("what is Groundcrew's own work is passed on, unless it was set aside", async () => {
  const { rig } = await createOutboxWithNotices(1);
  const inside = (queue: "work" | "wake", job: string): RequestedAction => ({
    rule: "work.check",
    target: "check",
    queue,
    job,
  });
  await rig.store.commit({ jobs: [{ id: "bad", queue: "work", lane: "work", body: {} }] });
  const [bad] = await rig.store.take("work", 1_000, 1);
  if (bad) await rig.store.settle(bad, { dead: "nobody knows it" });
  const fates = await createOutcomeReader(rig)([inside("work", "good"), inside("work", "bad")]);
  expect([...fates]).toEqual([
    ["good", { is: "passed_on" }],
    ["bad", { is: "set_aside", reason: "nobody knows it" }],
  ]);
  expect(toFateKinds([...(await createOutcomeReader(rig)([inside("wake", "good")])).values()])).toEqual(["passed_on"]);
});

test("a notice that somebody has muted is told to nobody, and says so", async () => {
  const { rig, fates } = await createOutboxWithNotices(2);
  await rig.store.commit({ put: [createMutePut("item-2", { by: "Ada", at: rig.time.now })] });
  await rig.runUntilEmpty();
  expect(toFateKinds(await fates())).toEqual(["delivered", "muted"]);
  expect(
    rig.telegram
      .chat(OUTBOX_CHAT)
      .messages.map(({ text }) => text)
      .join(),
  ).not.toContain("ONB-2");
});
