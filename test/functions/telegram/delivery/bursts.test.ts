import { expect, test } from "vitest";
import { burstKey } from "../../../../functions/telegram/delivery/notifications.ts";
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
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, createNotices(1, 1));
  await setup.handleDueJobs();
  expect(getChatTexts(setup.telegram).map(parseTaskKeys)).toEqual([["ONB-1"]]);
  setup.time.now += 19_000;
  await enqueueNotices(setup.store, createNotices(2, 3));
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
  expect(toMethods(setup.telegram.calls)).toEqual(["sendMessage", "editMessageText"]);
});

test("a burst of notifications: a notification 20 s later starts a new message", async () => {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, createNotices(1, 1));
  await setup.handleDueJobs();
  setup.time.now += 20_000;
  await enqueueNotices(setup.store, createNotices(2, 2));
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).map(parseTaskKeys)).toEqual([["ONB-1"], ["ONB-2"]]);
});

test("a burst of notifications: 200 tasks completed at once become one message with counts, in two calls", async () => {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, createNotices(1, 200));
  await setup.runUntilEmpty();
  expect(toMethods(setup.telegram.calls)).toEqual(["sendMessage", "editMessageText"]);
  expect(getChatTexts(setup.telegram)).toEqual([
    "✅ 200 tasks completed in Onboarding (ONB): ONB-1, ONB-2, ONB-3, ONB-4, ONB-5, ONB-6, ONB-7, ONB-8, " +
      "ONB-9, ONB-10, … and 190 more",
  ]);
});

test("a burst of notifications: 200 changes over ten seconds cost few calls in a group, and none is refused", async () => {
  const setup = await createOutboxSetup({ chats: [-7] });
  for (let n = 1; n <= 200; n += 1) {
    await enqueueNotices(setup.store, [createNotice(n)], -7);
    await setup.handleDueJobs();
    setup.time.now += 50;
  }
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram, -7)).toHaveLength(1);
  expect(getChatTexts(setup.telegram, -7)[0]).toContain("200 tasks completed");
  expect(setup.telegram.calls.length).toBeLessThanOrEqual(10);
  expect(setup.telegram.calls.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
});

test("a burst of notifications: a notification queued before the edit is not lost when the burst closes in the meantime", async () => {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, createNotices(1, 1));
  await setup.handleDueJobs();
  setup.time.now += 19_900;
  await enqueueNotices(setup.store, createNotices(2, 3));
  const [second] = await setup.takeJobs();
  if (second) await setup.handleJob(second);
  setup.time.now += 5_000;
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).flatMap(parseTaskKeys)).toEqual(["ONB-1", "ONB-2", "ONB-3"]);
});

test("a burst of notifications: each chat has its own burst", async () => {
  const setup = await createOutboxSetup({ chats: [OUTBOX_CHAT, 43] });
  await enqueueNotices(setup.store, createNotices(1, 2));
  await enqueueNotices(setup.store, createNotices(3, 4), 43);
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2"]]);
  expect(getChatTexts(setup.telegram, 43).map(parseTaskKeys)).toEqual([["ONB-3", "ONB-4"]]);
});

test("a burst of notifications: a job that is handled again because its settlement was lost sends nothing again", async () => {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, createNotices(1, 2));
  for (const step of [1, 2]) {
    const [job] = await setup.takeJobs();
    if (!job) throw new Error(`no job at step ${step}`);
    await setup.jobHandler.handle(setup.deps, job);
    setup.time.now += setup.jobHandler.leaseMs;
    const again = (await setup.takeJobs()).find(({ id }) => id === job.id);
    expect(again, `step ${step}`).toBeDefined();
    if (again) await setup.handleJob(again);
    setup.time.now -= setup.jobHandler.leaseMs;
  }
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2"]]);
});

test("a burst of notifications: the stored burst does not grow with the number of its notifications", async () => {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, createNotices(1, 30));
  await setup.runUntilEmpty();
  const [few] = await setup.store.read([burstKey(OUTBOX_CHAT, "silent")]);
  await enqueueNotices(setup.store, createNotices(31, 400));
  await setup.runUntilEmpty();
  const [many] = await setup.store.read([burstKey(OUTBOX_CHAT, "silent")]);
  expect(JSON.stringify(many?.value).length).toBeLessThan(JSON.stringify(few?.value).length + 20);
  expect(getChatTexts(setup.telegram)[0]).toContain("400 tasks completed");
});

test("a failed edit: a deleted message is sent again with all its content", async () => {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, createNotices(1, 1));
  await setup.handleDueJobs();
  setup.telegram.removeMessage(OUTBOX_CHAT, setup.telegram.chat(OUTBOX_CHAT).messages[0]?.id ?? 0);
  await enqueueNotices(setup.store, createNotices(2, 2));
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2"]]);
  await enqueueNotices(setup.store, createNotices(3, 3));
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
});

test("a failed edit: an edit without an answer is repeated, and nothing is duplicated", async () => {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, createNotices(1, 1));
  await setup.handleDueJobs();
  setup.telegram.injectFaults({ kind: "lost" });
  await enqueueNotices(setup.store, createNotices(2, 2));
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2"]]);
  expect(setup.telegram.calls.map(({ outcome }) => outcome)).toEqual(["ok", "lost", "400"]);
  expect(await setup.store.listDeadJobs("outbox")).toEqual([]);
});

test("a failed edit: an edit refused with 429 waits as asked and then includes later notifications", async () => {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, createNotices(1, 1));
  await setup.handleDueJobs();
  setup.telegram.injectFaults({ kind: "too_many", seconds: 30 });
  await enqueueNotices(setup.store, createNotices(2, 2));
  await setup.runUntilEmpty(5_000);
  await enqueueNotices(setup.store, createNotices(3, 3));
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).flatMap(parseTaskKeys)).toEqual(["ONB-1", "ONB-2", "ONB-3"]);
  const [, refused, next] = setup.telegram.calls;
  expect((next?.at ?? 0) - (refused?.at ?? 0)).toBe(30_000);
});

test("a failed edit: an edit that fails at Telegram is retried with growing intervals", async () => {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, createNotices(1, 1));
  await setup.handleDueJobs();
  const failing = { kind: "error", status: 500, description: "Internal Server Error" } as const;
  setup.telegram.injectFaults(failing, failing, failing);
  await enqueueNotices(setup.store, createNotices(2, 2));
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2"]]);
  const [, ...edits] = setup.telegram.calls.map(({ at }) => at);
  const waits = edits.slice(1).map((at, index) => Math.floor((at - (edits[index] ?? 0)) / 1_000));
  expect(waits).toEqual([1, 5, 15]);
});

test("a failed edit: the content of an edit that Telegram will never accept is sent as a new message", async () => {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, createNotices(1, 1));
  await setup.handleDueJobs();
  setup.telegram.injectFaults({ kind: "error", status: 400, description: "Bad Request: MESSAGE_AUTHOR_REQUIRED" });
  await enqueueNotices(setup.store, createNotices(2, 2));
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).map(parseTaskKeys)).toEqual([["ONB-1"], ["ONB-1", "ONB-2"]]);
});

test("a failed edit: after a refresh that failed for good, the next notification shows its content too", async () => {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, createNotices(1, 1));
  await setup.handleDueJobs();
  const no = { kind: "error", status: 400, description: "Bad Request: ENTITY_BOUNDS_INVALID" } as const;
  setup.telegram.injectFaults(no, no);
  await enqueueNotices(setup.store, createNotices(2, 2));
  await setup.runUntilEmpty();
  const [dead] = await setup.store.listDeadJobs("outbox");
  expect(dead?.reason).toContain("ENTITY_BOUNDS_INVALID");
  await enqueueNotices(setup.store, createNotices(3, 3));
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
  const calls = setup.telegram.calls.length;
  await setup.store.replay("outbox", dead?.id ?? "");
  await setup.runUntilEmpty();
  expect(setup.telegram.calls).toHaveLength(calls);
});

test("a failed edit: a refresh that became a dead letter can be requeued, or a new one is created a minute later", async () => {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, createNotices(1, 2));
  await setup.handleDueJobs();
  setup.time.now += 1_500;
  const [refresh] = await setup.takeJobs();
  if (!refresh) throw new Error("no refresh");
  await setup.store.acknowledge(refresh, { dead: "failed ten times" });
  setup.time.now += 62_000;
  await enqueueNotices(setup.store, createNotices(3, 3));
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
});

test("a burst of notifications: a summary counts a task that was assigned several times once, also beyond the named tasks", async () => {
  const setup = await createOutboxSetup();
  const assign = (n: number, who: string) => createNotice(n, {}, { kind: "assigned", who });
  const comment = (id: string) => createNotice(1, {}, { kind: "comment_added", comment: id, author: null });
  const tasks = Array.from({ length: 12 }, (_, index) => index + 1);
  await enqueueNotices(setup.store, [
    ...tasks.map((n) => assign(n, "thot")),
    ...tasks.map((n) => assign(n, "imhotep")),
    ...["a", "b"].map(comment),
  ]);
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram)[0]?.split("\n")).toEqual([
    expect.stringMatching(/12 tasks assigned in Onboarding \(ONB\): ONB-1, .*ONB-10, … and 2 more$/),
    expect.stringContaining("2 new comments in Onboarding"),
  ]);
});
