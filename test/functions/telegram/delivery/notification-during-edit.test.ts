import { expect, test } from "vitest";
import { takeOutboxJob } from "../outbox-crashes.ts";
import {
  createNotices,
  createOutboxSetup,
  enqueueNotices,
  getChatTexts,
  OUTBOX_CHAT,
  type OutboxSetup,
  parseTaskKeys,
  wrapBot,
} from "../outbox-setup.ts";

/** Handles the due job and runs `meanwhile` before or after Telegram handles its call. */
async function handleJobDuring(rig: OutboxSetup, when: "before" | "after", meanwhile: () => Promise<void>) {
  const telegram = wrapBot(rig.bot, async (call) => {
    if (when === "before") await meanwhile();
    const outcome = await call();
    if (when === "after") await meanwhile();
    return outcome;
  });
  await rig.handleJob(await takeOutboxJob(rig), { telegram });
}

const deliverNotices = async (rig: OutboxSetup, from: number, to = from) => {
  await enqueueNotices(rig.store, createNotices(from, to));
  await rig.handleDueJobs();
};

test("a notification that arrives during an edit is merged while the edit waits for its turn, and shown by that edit", async () => {
  const rig = await createOutboxSetup();
  await deliverNotices(rig, 1, 2);
  rig.telegram.injectFaults({ kind: "too_many", seconds: 10 });
  rig.time.now += 1_500;
  await rig.handleDueJobs();
  for (const n of [3, 4, 5]) await deliverNotices(rig, n);
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2", "ONB-3", "ONB-4", "ONB-5"]]);
  expect(rig.telegram.calls.map(({ outcome }) => outcome)).toEqual(["ok", "429", "ok"]);
});

test.each(["before", "after"] as const)(
  "a notification that arrives during an edit is shown by another edit if it comes %s Telegram edits",
  async (when) => {
    const rig = await createOutboxSetup();
    await deliverNotices(rig, 1, 2);
    rig.time.now += 1_500;
    await handleJobDuring(rig, when, () => deliverNotices(rig, 3));
    expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2"]]);
    await rig.runUntilEmpty();
    expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
    expect(rig.telegram.calls).toHaveLength(3);
  },
);

test("a notification that arrives during an edit is in the message that replaces a deleted one", async () => {
  const rig = await createOutboxSetup();
  await deliverNotices(rig, 1, 2);
  rig.telegram.removeMessage(OUTBOX_CHAT, 1);
  rig.time.now += 1_500;
  await rig.handleJob(await takeOutboxJob(rig));
  rig.time.now += 1_500;
  await handleJobDuring(rig, "after", () => deliverNotices(rig, 3));
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
});

test("a notification that arrives during an edit is not lost with an edit that Telegram will never accept", async () => {
  const rig = await createOutboxSetup();
  await deliverNotices(rig, 1, 2);
  const rejection = { kind: "error", status: 400, description: "Bad Request: ENTITY_BOUNDS_INVALID" } as const;
  rig.telegram.injectFaults(rejection, rejection);
  rig.time.now += 1_500;
  await rig.handleJob(await takeOutboxJob(rig));
  rig.time.now += 1_500;
  await handleJobDuring(rig, "after", () => deliverNotices(rig, 3));
  expect(await rig.store.listDeadJobs("outbox")).toHaveLength(1);
  await rig.runUntilEmpty();
  expect(getChatTexts(rig.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
});

test("edits of a burst do not wait for the chat's next notifications, nor the other way round", async () => {
  const rig = await createOutboxSetup();
  for (let n = 1; n <= 40; n += 1) {
    await deliverNotices(rig, n);
    rig.time.now += 500;
  }
  const edits = rig.telegram.calls.filter(({ method }) => method === "editMessageText").map(({ at }) => at);
  const gaps = edits.slice(1).map((at, i) => at - (edits[i] ?? 0));
  expect(Math.max(...gaps)).toBeLessThanOrEqual(2_000);
});
