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
async function handleJobDuring(setup: OutboxSetup, when: "before" | "after", meanwhile: () => Promise<void>) {
  const telegram = wrapBot(setup.bot, async (call) => {
    if (when === "before") await meanwhile();
    const outcome = await call();
    if (when === "after") await meanwhile();
    return outcome;
  });
  await setup.handleJob(await takeOutboxJob(setup), { telegram });
}

const deliverNotices = async (setup: OutboxSetup, from: number, to = from) => {
  await enqueueNotices(setup.store, createNotices(from, to));
  await setup.handleDueJobs();
};

test.each(["before", "after"] as const)(
  "a notification that arrives during an edit is shown by another edit if it comes %s Telegram edits",
  async (when) => {
    const setup = await createOutboxSetup();
    await deliverNotices(setup, 1, 2);
    setup.time.now += 1_500;
    await handleJobDuring(setup, when, () => deliverNotices(setup, 3));
    expect(getChatTexts(setup.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2"]]);
    await setup.runUntilEmpty();
    expect(getChatTexts(setup.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
    expect(setup.telegram.calls).toHaveLength(3);
  },
);

test("a notification that arrives during an edit is not lost with an edit that Telegram will never accept", async () => {
  const setup = await createOutboxSetup();
  await deliverNotices(setup, 1, 2);
  const rejection = { kind: "error", status: 400, description: "Bad Request: ENTITY_BOUNDS_INVALID" } as const;
  setup.telegram.injectFaults(rejection, rejection);
  setup.time.now += 1_500;
  await setup.handleJob(await takeOutboxJob(setup));
  setup.time.now += 1_500;
  await handleJobDuring(setup, "after", () => deliverNotices(setup, 3));
  expect(await setup.store.listDeadJobs("outbox")).toHaveLength(1);
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
});

test("edits of a burst do not wait for the chat's next notifications, nor the other way round", async () => {
  const setup = await createOutboxSetup();
  for (let n = 1; n <= 40; n += 1) {
    await deliverNotices(setup, n);
    setup.time.now += 500;
  }
  const edits = setup.telegram.calls.filter(({ method }) => method === "editMessageText").map(({ at }) => at);
  const gaps = edits.slice(1).map((at, i) => at - (edits[i] ?? 0));
  expect(Math.max(...gaps)).toBeLessThanOrEqual(2_000);
});

test("a notification that arrives during an edit is in the message that replaces a deleted one", async () => {
  const setup = await createOutboxSetup();
  await deliverNotices(setup, 1, 2);
  setup.telegram.removeMessage(OUTBOX_CHAT, 1);
  setup.time.now += 1_500;
  await setup.handleJob(await takeOutboxJob(setup));
  setup.time.now += 1_500;
  await handleJobDuring(setup, "after", () => deliverNotices(setup, 3));
  await setup.runUntilEmpty();
  expect(getChatTexts(setup.telegram).map(parseTaskKeys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
});
