import { expect, test } from "vitest";
import {
  createNotice,
  createNotices,
  createOutboxSetup,
  enqueueNotices,
  getChatTexts,
  OUTBOX_CHAT,
  parseTaskKeys,
} from "../outbox-setup.ts";

const toMethods = (calls: { method: string }[]) => calls.map(({ method }) => method);

test("a burst of notifications: the first notification is sent at once, and those of the next 20 s are edited into its message", async () => {
  const rig = await createOutboxSetup();
  await enqueueNotices(rig.store, createNotices(1, 1));
  await rig.handleDueJobs();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1"]]);
  rig.time.now += 19_000;
  await enqueueNotices(rig.store, createNotices(2, 3));
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
  expect(toMethods(rig.telegram.calls)).toEqual(["sendMessage", "editMessageText"]);
});

test("a burst of notifications: a notification 20 s later is a message of its own", async () => {
  const rig = await createOutboxSetup();
  await enqueueNotices(rig.store, createNotices(1, 1));
  await rig.handleDueJobs();
  rig.time.now += 20_000;
  await enqueueNotices(rig.store, createNotices(2, 2));
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1"], ["ONB-2"]]);
});

test("a burst of notifications: 200 tasks completed at once become one message with counts, in two calls", async () => {
  const rig = await createOutboxSetup();
  await enqueueNotices(rig.store, createNotices(1, 200));
  await rig.runUntilEmpty();
  expect(toMethods(rig.telegram.calls)).toEqual(["sendMessage", "editMessageText"]);
  expect(getChatTexts(rig.telegram)).toEqual([
    "✅ 200 tasks completed in Onboarding (ONB): ONB-1, ONB-2, ONB-3, ONB-4, ONB-5, ONB-6, ONB-7, ONB-8, " +
      "ONB-9, ONB-10, … and 190 more",
  ]);
});

test("a burst of notifications: 200 changes over ten seconds cost few calls in a group, and none is refused", async () => {
  const rig = await createOutboxSetup({ chats: [-7] });
  for (let n = 1; n <= 200; n += 1) {
    await enqueueNotices(rig.store, [createNotice(n)], -7);
    await rig.handleDueJobs();
    rig.time.now += 50;
  }
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram, -7)).toHaveLength(1);
  expect(getChatTexts(rig.telegram, -7)[0]).toContain("200 tasks completed");
  expect(rig.telegram.calls.length).toBeLessThanOrEqual(10);
  expect(rig.telegram.calls.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
});

test("a burst of notifications: a notification queued before the edit is not lost when the burst closes in the meantime", async () => {
  const rig = await createOutboxSetup();
  await enqueueNotices(rig.store, createNotices(1, 1));
  await rig.handleDueJobs();
  rig.time.now += 19_900;
  await enqueueNotices(rig.store, createNotices(2, 3));
  const [second] = await rig.takeJobs();
  if (second) await rig.handleJob(second);
  rig.time.now += 5_000;
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).flatMap(parseTaskKeys)).toEqual(["ONB-1", "ONB-2", "ONB-3"]);
});

test("a burst of notifications: each chat has its own burst", async () => {
  const rig = await createOutboxSetup({ chats: [OUTBOX_CHAT, 43] });
  await enqueueNotices(rig.store, createNotices(1, 2));
  await enqueueNotices(rig.store, createNotices(3, 4), 43);
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2"]]);
  expect(getChatTexts(rig.telegram, 43).map(parseTaskKeys)).toEqual([["ONB-3", "ONB-4"]]);
});

test("a burst of notifications: a job that is handled again because its settlement was lost sends nothing again", async () => {
  const rig = await createOutboxSetup();
  await enqueueNotices(rig.store, createNotices(1, 2));
  for (const step of [1, 2]) {
    const [job] = await rig.takeJobs();
    if (!job) throw new Error(`no job at step ${step}`);
    await rig.jobHandler.handle(rig.deps, job);
    rig.time.now += rig.jobHandler.leaseMs;
    const again = (await rig.takeJobs()).find(({ id }) => id === job.id);
    expect(again, `step ${step}`).toBeDefined();
    if (again) await rig.handleJob(again);
    rig.time.now -= rig.jobHandler.leaseMs;
  }
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2"]]);
});

test("a burst of notifications: the stored burst does not grow with the number of its notifications", async () => {
  const rig = await createOutboxSetup();
  await enqueueNotices(rig.store, createNotices(1, 30));
  await rig.runUntilEmpty();
  const [few] = await rig.store.read([`chat:${OUTBOX_CHAT}`]);
  await enqueueNotices(rig.store, createNotices(31, 400));
  await rig.runUntilEmpty();
  const [many] = await rig.store.read([`chat:${OUTBOX_CHAT}`]);
  expect(JSON.stringify(many?.value).length).toBeLessThan(JSON.stringify(few?.value).length + 20);
  expect(getChatTexts(rig.telegram)[0]).toContain("400 tasks completed");
});

test("a failed edit: a deleted message is sent again with all its content", async () => {
  const rig = await createOutboxSetup();
  await enqueueNotices(rig.store, createNotices(1, 1));
  await rig.handleDueJobs();
  rig.telegram.removeMessage(OUTBOX_CHAT, rig.telegram.chat(OUTBOX_CHAT).messages[0]?.id ?? 0);
  await enqueueNotices(rig.store, createNotices(2, 2));
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2"]]);
  await enqueueNotices(rig.store, createNotices(3, 3));
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
});

test("a failed edit: an edit without an answer is repeated, and nothing is duplicated", async () => {
  const rig = await createOutboxSetup();
  await enqueueNotices(rig.store, createNotices(1, 1));
  await rig.handleDueJobs();
  rig.telegram.injectFaults({ kind: "lost" });
  await enqueueNotices(rig.store, createNotices(2, 2));
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2"]]);
  expect(rig.telegram.calls.map(({ outcome }) => outcome)).toEqual(["ok", "lost", "400"]);
  expect(await rig.store.listDeadJobs("outbox")).toEqual([]);
});

test("a failed edit: an edit refused with 429 waits as asked and then includes later notifications", async () => {
  const rig = await createOutboxSetup();
  await enqueueNotices(rig.store, createNotices(1, 1));
  await rig.handleDueJobs();
  rig.telegram.injectFaults({ kind: "too_many", seconds: 30 });
  await enqueueNotices(rig.store, createNotices(2, 2));
  await rig.runUntilEmpty(5_000);
  await enqueueNotices(rig.store, createNotices(3, 3));
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).flatMap(parseTaskKeys)).toEqual(["ONB-1", "ONB-2", "ONB-3"]);
  const [, refused, next] = rig.telegram.calls;
  expect((next?.at ?? 0) - (refused?.at ?? 0)).toBe(30_000);
});

test("a failed edit: an edit that fails at Telegram is retried with growing intervals", async () => {
  const rig = await createOutboxSetup();
  await enqueueNotices(rig.store, createNotices(1, 1));
  await rig.handleDueJobs();
  const failing = { kind: "error", status: 500, description: "Internal Server Error" } as const;
  rig.telegram.injectFaults(failing, failing, failing);
  await enqueueNotices(rig.store, createNotices(2, 2));
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2"]]);
  const [, ...edits] = rig.telegram.calls.map(({ at }) => at);
  const waits = edits.slice(1).map((at, index) => Math.floor((at - (edits[index] ?? 0)) / 1_000));
  expect(waits).toEqual([1, 5, 15]);
});

test("a failed edit: the content of an edit that Telegram will never accept is sent as a new message", async () => {
  const rig = await createOutboxSetup();
  await enqueueNotices(rig.store, createNotices(1, 1));
  await rig.handleDueJobs();
  rig.telegram.injectFaults({ kind: "error", status: 400, description: "Bad Request: MESSAGE_AUTHOR_REQUIRED" });
  await enqueueNotices(rig.store, createNotices(2, 2));
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1"], ["ONB-1", "ONB-2"]]);
});

test("a failed edit: after a refresh that failed for good, the next notification shows its content too", async () => {
  const rig = await createOutboxSetup();
  await enqueueNotices(rig.store, createNotices(1, 1));
  await rig.handleDueJobs();
  const no = { kind: "error", status: 400, description: "Bad Request: ENTITY_BOUNDS_INVALID" } as const;
  rig.telegram.injectFaults(no, no);
  await enqueueNotices(rig.store, createNotices(2, 2));
  await rig.runUntilEmpty();
  const [dead] = await rig.store.listDeadJobs("outbox");
  expect(dead?.reason).toContain("ENTITY_BOUNDS_INVALID");
  await enqueueNotices(rig.store, createNotices(3, 3));
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
  const calls = rig.telegram.calls.length;
  await rig.store.replay("outbox", dead?.id ?? "");
  await rig.runUntilEmpty();
  expect(rig.telegram.calls).toHaveLength(calls);
});

test("a failed edit: a refresh that became a dead letter can be requeued, or a new one is created a minute later", async () => {
  const rig = await createOutboxSetup();
  await enqueueNotices(rig.store, createNotices(1, 2));
  await rig.handleDueJobs();
  rig.time.now += 1_500;
  const [refresh] = await rig.takeJobs();
  if (!refresh) throw new Error("no refresh");
  await rig.store.settle(refresh, { dead: "failed ten times" });
  rig.time.now += 62_000;
  await enqueueNotices(rig.store, createNotices(3, 3));
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
});
