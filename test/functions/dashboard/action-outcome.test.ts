import { expect, test } from "vitest";
import type { ActionOutcome } from "../../../functions/dashboard/answers.ts";
import { createOutcomeReader } from "../../../functions/dashboard/decision-log-route.ts";
import { trimSet } from "../../../functions/maintenance-ticks.ts";
import { createMutePut } from "../../../functions/telegram/delivery/context.ts";
import { forwardReceiptKey } from "../../../shared/http/outgoing.ts";
import type { RequestedAction } from "../../../shared/records/decision-log.ts";
import { wakeKeys } from "../../../shared/tasks/wakes.ts";
import { type ChatMessage, chatMessageSet } from "../../../shared/telegram/message-log.ts";
import { createNotice, createOutboxSetup, enqueueNotices, OUTBOX_CHAT } from "../telegram/outbox-setup.ts";

async function createOutboxWithNotices(count: number) {
  const outbox = await createOutboxSetup();
  const all = Array.from({ length: count }, (_, i) => createNotice(i + 1));
  await enqueueNotices(outbox.store, all);
  const actions = all.map(
    ({ facts, correlation, event }): RequestedAction => ({
      rule: "completed tasks",
      target: `telegram:${OUTBOX_CHAT}`,
      queue: "outbox",
      job: `${facts.item?.id}:${correlation}:${event.kind}:telegram:${OUTBOX_CHAT}`,
    }),
  );
  const readOutcomes = async () => [...(await createOutcomeReader(outbox)(actions)).values()];
  const chat = async () => (await outbox.store.scan<ChatMessage>(chatMessageSet)).rows.map((row) => row.value);
  return { outbox, readOutcomes, chat, actions };
}

const toOutcomeKinds = (readOutcomes: ActionOutcome[]) => readOutcomes.map(({ is }) => is);

test("an action is waiting until it is delivered, and then has its time and its message", async () => {
  const { outbox, readOutcomes } = await createOutboxWithNotices(1);
  expect(await readOutcomes()).toEqual([{ is: "waiting" }]);
  await outbox.handleDueJobs();
  expect(await readOutcomes()).toEqual([
    { is: "delivered", at: outbox.time.now, message: expect.stringMatching(/^message:\d+:42:1$/) },
  ]);
});

test("a notification in an existing message is delivered with the edit that shows it", async () => {
  const { outbox, readOutcomes, chat } = await createOutboxWithNotices(3);
  const startedAt = outbox.time.now;
  await outbox.handleDueJobs();
  expect(toOutcomeKinds(await readOutcomes())).toEqual(["delivered", "folded", "folded"]);
  await outbox.runUntilEmpty();
  const all = await readOutcomes();
  expect(toOutcomeKinds(all)).toEqual(["delivered", "delivered", "delivered"]);
  const [first, , last] = all.map((fate) => (fate.is === "delivered" ? fate.at : 0));
  expect([first, (last ?? 0) > startedAt]).toEqual([startedAt, true]);
  const [message] = await chat();
  expect(message?.history.map(([notices]) => notices)).toEqual([1, 3]);
  expect(message?.text).toBe(outbox.telegram.chat(OUTBOX_CHAT).messages[0]?.text);
  expect(message?.entities).toEqual(outbox.telegram.chat(OUTBOX_CHAT).messages[0]?.entities);
});

test("a notification in a message that was trimmed from the log was delivered when that message began", async () => {
  const { outbox, readOutcomes } = await createOutboxWithNotices(3);
  const startedAt = outbox.time.now;
  await outbox.runUntilEmpty();
  expect(await trimSet(outbox.store, chatMessageSet, 0)).toBe(1);
  expect(await readOutcomes()).toEqual(Array(3).fill({ is: "delivered", at: startedAt }));
});

test("a message that was deleted and sent again is one message with all its notifications", async () => {
  const { outbox, readOutcomes, chat } = await createOutboxWithNotices(2);
  await outbox.handleDueJobs();
  outbox.telegram.removeMessage(OUTBOX_CHAT, 1);
  await outbox.runUntilEmpty();
  expect(toOutcomeKinds(await readOutcomes())).toEqual(["delivered", "delivered"]);
  const all = await chat();
  expect(all).toHaveLength(1);
  expect(all[0]).toMatchObject({ messageId: 2, text: outbox.telegram.chat(OUTBOX_CHAT).messages[0]?.text });
});

test("a notification that Telegram refuses for good is failed, with the reason", async () => {
  const { outbox, readOutcomes } = await createOutboxWithNotices(1);
  outbox.telegram.refuseChat(OUTBOX_CHAT, 400, "Bad Request: message is too strange");
  const [job] = await outbox.takeJobs();
  if (!job) throw new Error("no job");
  await outbox.store.acknowledge(job, { dead: "Telegram refused the message: it is too strange" });
  expect(await readOutcomes()).toEqual([
    { is: "set_aside", reason: "Telegram refused the message: it is too strange" },
  ]);
});

test("a notification whose send had no response is marked as a possible repeat", async () => {
  const { outbox, readOutcomes } = await createOutboxWithNotices(1);
  outbox.telegram.injectFaults({ kind: "lost" });
  await outbox.runUntilEmpty();
  expect(await readOutcomes()).toMatchObject([{ is: "delivered", repeat: true }]);
});

test("a forwarded event is delivered at the time of its receipt", async () => {
  const { outbox } = await createOutboxWithNotices(0);
  const actions: RequestedAction[] = [
    { rule: "forward[0]", target: "forward:x", queue: "forward", job: "item:1:2:created:x y" },
  ];
  const readOutcomes = createOutcomeReader(outbox);
  expect([...(await readOutcomes(actions)).values()]).toEqual([{ is: "waiting" }]);
  await outbox.store.commit({ put: [{ key: forwardReceiptKey("item:1:2:created:x y"), value: { at: 7 } }] });
  expect([...(await readOutcomes(actions)).values()]).toEqual([{ is: "delivered", at: 7 }]);
});

test("an internal job is passed on, unless it failed", async () => {
  const { outbox } = await createOutboxWithNotices(1);
  const inside = (queue: "work" | "wake", job: string): RequestedAction => ({
    rule: "work.check",
    target: "check",
    queue,
    job,
  });
  await outbox.store.commit({ jobs: [{ id: "bad", queue: "work", lane: "work", body: {} }] });
  const [bad] = await outbox.store.take("work", 1_000, 1);
  if (bad) await outbox.store.acknowledge(bad, { dead: "nobody knows it" });
  const outcomes = await createOutcomeReader(outbox)([inside("work", "good"), inside("work", "bad")]);
  expect([...outcomes]).toEqual([
    ["good", { is: "passed_on" }],
    ["bad", { is: "set_aside", reason: "nobody knows it" }],
  ]);
  expect(toOutcomeKinds([...(await createOutcomeReader(outbox)([inside("wake", "good")])).values()])).toEqual([
    "passed_on",
  ]);
});

test("an agent whose wake contains the event was woken", async () => {
  const { outbox } = await createOutboxWithNotices(0);
  const wake = (job: string): RequestedAction => ({
    rule: "wake on assigned",
    target: "wake:Thot",
    queue: "wake",
    job,
  });
  await outbox.store.commit({ put: [{ key: wakeKeys.addedJob("one"), value: true }] });
  const outcomes = await createOutcomeReader(outbox)([wake("one"), wake("two")]);
  expect([...outcomes]).toEqual([
    ["one", { is: "woken" }],
    ["two", { is: "passed_on" }],
  ]);
});

test("a muted notification is not sent, and its outcome is muted", async () => {
  const { outbox, readOutcomes } = await createOutboxWithNotices(2);
  await outbox.store.commit({ put: [createMutePut("item-2", { by: "Ada", at: outbox.time.now })] });
  await outbox.runUntilEmpty();
  expect(toOutcomeKinds(await readOutcomes())).toEqual(["delivered", "muted"]);
  expect(
    outbox.telegram
      .chat(OUTBOX_CHAT)
      .messages.map(({ text }) => text)
      .join(),
  ).not.toContain("ONB-2");
});
