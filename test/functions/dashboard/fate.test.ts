import { expect, test } from "vitest";
import { createFates, type Fate } from "../../../functions/dashboard/fate.ts";
import { trimmed } from "../../../functions/dashboard/trim.ts";
import { mutePut } from "../../../functions/telegram/mutes.ts";
import type { ChatMessage } from "../../../shared/why/chat.ts";
import { messages, receiptKey } from "../../../shared/why/chat.ts";
import type { Asked } from "../../../shared/why/trail.ts";
import { CHAT, createRig, notice, put } from "../telegram/rig.ts";

async function withNotices(count: number) {
  const rig = await createRig();
  const all = Array.from({ length: count }, (_, i) => notice(i + 1));
  await put(rig.store, all);
  const asked = all.map(
    ({ facts, correlation, event }): Asked => ({
      rule: "completed tasks",
      target: `telegram:${CHAT}`,
      queue: "outbox",
      job: `${facts.item?.id}:${correlation}:${event.kind}:telegram:${CHAT}`,
    }),
  );
  const fates = async () => [...(await createFates(rig)(asked)).values()];
  const chat = async () => (await rig.store.scan<ChatMessage>(messages)).rows.map((row) => row.value);
  return { rig, fates, chat, asked };
}

const kinds = (fates: Fate[]) => fates.map(({ is }) => is);

test("an action waits until it is delivered, and then says when and in which message", async () => {
  const { rig, fates } = await withNotices(1);
  expect(await fates()).toEqual([{ is: "waiting" }]);
  await rig.due();
  expect(await fates()).toEqual([
    { is: "delivered", at: rig.time.now, message: expect.stringMatching(/^message:\d+:42:1$/) },
  ]);
});

test("what is folded into a message is delivered with the edit that shows it", async () => {
  const { rig, fates, chat } = await withNotices(3);
  const began = rig.time.now;
  await rig.due();
  expect(kinds(await fates())).toEqual(["delivered", "folded", "folded"]);
  await rig.run();
  const all = await fates();
  expect(kinds(all)).toEqual(["delivered", "delivered", "delivered"]);
  const [first, , last] = all.map((fate) => (fate.is === "delivered" ? fate.at : 0));
  expect([first, (last ?? 0) > began]).toEqual([began, true]);
  const [message] = await chat();
  expect(message?.shown.map(([notices]) => notices)).toEqual([1, 3]);
  expect(message?.text).toBe(rig.telegram.chat(CHAT).messages[0]?.text);
  expect(message?.entities).toEqual(rig.telegram.chat(CHAT).messages[0]?.entities);
});

test("what was told in a message that is not kept any more was delivered, when that message began", async () => {
  const { rig, fates } = await withNotices(3);
  const began = rig.time.now;
  await rig.run();
  expect(await trimmed(rig.store, messages, 0)).toBe(1);
  expect(await fates()).toEqual(Array(3).fill({ is: "delivered", at: began }));
});

test("a message that was deleted and sent anew stays one message, and says all it should", async () => {
  const { rig, fates, chat } = await withNotices(2);
  await rig.due();
  rig.telegram.remove(CHAT, 1);
  await rig.run();
  expect(kinds(await fates())).toEqual(["delivered", "delivered"]);
  const all = await chat();
  expect(all).toHaveLength(1);
  expect(all[0]).toMatchObject({ messageId: 2, text: rig.telegram.chat(CHAT).messages[0]?.text });
});

test("what Telegram will never take is set aside with its reason", async () => {
  const { rig, fates } = await withNotices(1);
  rig.telegram.refuse(CHAT, 400, "Bad Request: message is too strange");
  const [job] = await rig.take();
  if (!job) throw new Error("no job");
  await rig.store.settle(job, { dead: "Telegram refused the message: it is too strange" });
  expect(await fates()).toEqual([{ is: "set_aside", reason: "Telegram refused the message: it is too strange" }]);
});

test("a sending whose answer never came says that it may be there twice", async () => {
  const { rig, fates } = await withNotices(1);
  rig.telegram.meet({ kind: "lost" });
  await rig.run();
  expect(await fates()).toMatchObject([{ is: "delivered", repeat: true }]);
});

test("a forwarded event has its receipt", async () => {
  const { rig } = await withNotices(0);
  const asked: Asked[] = [{ rule: "forward[0]", target: "forward:x", queue: "forward", job: "item:1:2:created:x y" }];
  const fates = createFates(rig);
  expect([...(await fates(asked)).values()]).toEqual([{ is: "waiting" }]);
  await rig.store.commit({ put: [{ key: receiptKey("item:1:2:created:x y"), value: { at: 7 } }] });
  expect([...(await fates(asked)).values()]).toEqual([{ is: "delivered", at: 7 }]);
});

test("what is Groundcrew's own work is passed on, unless it was set aside", async () => {
  const { rig } = await withNotices(1);
  const inside = (queue: "work" | "wake", job: string): Asked => ({ rule: "work.check", target: "check", queue, job });
  await rig.store.commit({ jobs: [{ id: "bad", queue: "work", lane: "work", body: {} }] });
  const [bad] = await rig.store.take("work", 1_000, 1);
  if (bad) await rig.store.settle(bad, { dead: "nobody knows it" });
  const fates = await createFates(rig)([inside("work", "good"), inside("work", "bad")]);
  expect([...fates]).toEqual([
    ["good", { is: "passed_on" }],
    ["bad", { is: "set_aside", reason: "nobody knows it" }],
  ]);
  expect(kinds([...(await createFates(rig)([inside("wake", "good")])).values()])).toEqual(["passed_on"]);
});

test("a notice that somebody has muted is told to nobody, and says so", async () => {
  const { rig, fates } = await withNotices(2);
  await rig.store.commit({ put: [mutePut("item-2", { by: "Ada", at: rig.time.now })] });
  await rig.run();
  expect(kinds(await fates())).toEqual(["delivered", "muted"]);
  expect(
    rig.telegram
      .chat(CHAT)
      .messages.map(({ text }) => text)
      .join(),
  ).not.toContain("ONB-2");
});
