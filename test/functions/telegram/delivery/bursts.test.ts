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
