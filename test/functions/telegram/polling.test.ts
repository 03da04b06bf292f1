import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { pollOnce } from "../../../functions/telegram/polling.ts";
import { updateJob } from "../../../shared/telegram/update-job.ts";
import { ADA, CHAT, createReach } from "./reaching.ts";

test("what people say is taken once and confirmed to Telegram with the next call", async () => {
  const { telegram, deps, time } = await createReach();
  await telegram.say(CHAT, ADA, "one");
  await telegram.say(CHAT, ADA, "two");
  expect(await pollOnce(deps, "me")).toBe(0);
  expect((await deps.store.stats()).queues.updates.pending).toBe(2);
  await telegram.say(CHAT, ADA, "three");
  time.now += 1_000;
  await pollOnce(deps, "me");
  expect((await deps.store.stats()).queues.updates.pending).toBe(3);
});

test("one runtime polls at a time; another takes over when the first has been silent for so long", async () => {
  const { telegram, deps, time, asked } = await createReach();
  await telegram.say(CHAT, ADA, "one");
  await pollOnce(deps, "first");
  expect(await pollOnce(deps, "second")).toBe(5_000);
  expect(asked.filter((method) => method === "getUpdates")).toHaveLength(1);
  await telegram.say(CHAT, ADA, "two");
  time.now += 46_000;
  expect(await pollOnce(deps, "second")).toBe(0);
  expect((await deps.store.stats()).queues.updates.pending).toBe(2);
});

test("the offset is kept: a process that starts anew takes nothing twice", async () => {
  const { telegram, deps, time } = await createReach();
  const update = await telegram.say(CHAT, ADA, "one");
  await pollOnce(deps, "first");
  time.now += 46_000;
  await telegram.again(update);
  await telegram.say(CHAT, ADA, "two");
  await pollOnce(deps, "second");
  expect((await deps.store.stats()).queues.updates.pending).toBe(2);
});

test("what is not kept is taken again: the offset and the updates are one commit", async () => {
  const { telegram, deps } = await createReach();
  await telegram.say(CHAT, ADA, "one");
  const broken = { ...deps.store, commit: () => Promise.reject(new Error("down")) };
  await expect(pollOnce({ ...deps, store: broken }, "me")).rejects.toThrow("down");
  await pollOnce(deps, "me");
  expect((await deps.store.stats()).queues.updates.pending).toBe(1);
});

test("a conflict (409) is said: somebody else reads this bot's updates", async () => {
  const { telegram, deps, lines } = await createReach();
  await deps.telegram.setWebhook("http://127.0.0.1:1/somebody-else", "secret");
  await telegram.redeliver();
  expect(await pollOnce(deps, "me")).toBe(30_000);
  expect(lines).toMatchObject([{ level: "error", message: expect.stringContaining("not OpenClaw's") }]);
});

test("stopping ends a call that waits, confirms nothing and lets the next runtime poll at once", async () => {
  const { telegram, deps, stop } = await createReach();
  const waiting = pollOnce(deps, "me");
  stop();
  expect(await waiting).toBe(0);
  await telegram.say(CHAT, ADA, "while nobody listened");
  expect(await pollOnce({ ...deps, stopping: new AbortController().signal }, "next")).toBe(0);
  expect((await deps.store.stats()).queues.updates.pending).toBe(1);
});

test("a call that is over leaves nothing behind that waits for the stop", async () => {
  const { telegram, deps } = await createReach();
  for (let n = 0; n < 3; n += 1) {
    await telegram.say(CHAT, ADA, `${n}`);
    await pollOnce(deps, "me");
  }
  expect(getEventListeners(deps.stopping, "abort")).toEqual([]);
});

test("what is written as null is not there, as what is left out", () => {
  const message = {
    message_id: 3,
    chat: { id: CHAT, username: null },
    from: { id: ADA, language_code: null },
    text: "x",
  };
  const update = { update_id: 3, message: { ...message, reply_to_message: null }, callback_query: null };
  expect(updateJob(update, "c")).toMatchObject({ id: "update:3", lane: `chat:${CHAT}`, body: { update: { message } } });
});
