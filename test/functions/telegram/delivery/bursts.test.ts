import { expect, test } from "vitest";
import { toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp } from "../live-messages-app.ts";
import {
  createNotice,
  createNotices,
  createOutboxSetup,
  enqueueNotices,
  OUTBOX_CHAT,
  type OutboxSetup,
  parseTaskKeys,
  wrapBot,
} from "../outbox-setup.ts";

const REFUSED = { kind: "error", status: 400, description: "Bad Request: ENTITY_BOUNDS_INVALID" } as const;

const getShownKeys = (setup: OutboxSetup) => setup.getTexts().map(parseTaskKeys);

async function deliverNotices(setup: OutboxSetup, first: number, last?: number) {
  await setup.enqueue(first, last);
  await setup.handleDueJobs();
}

/** Handles the due job and runs `meanwhile` before or after Telegram handles its call. */
async function handleJobDuring(setup: OutboxSetup, when: "before" | "after", meanwhile: () => Promise<void>) {
  const telegram = wrapBot(setup.bot, async (call) => {
    if (when === "before") await meanwhile();
    const outcome = await call();
    if (when === "after") await meanwhile();
    return outcome;
  });
  await setup.handleJob(await setup.takeJob(), { telegram });
}

test("the first notification is sent at once, and those of the next 20 s are edited into its message", async () => {
  const setup = await createOutboxSetup();
  await deliverNotices(setup, 1);
  expect(getShownKeys(setup)).toEqual([["ONB-1"]]);
  setup.time.now += 19_000;
  await setup.enqueue(2, 3);
  await setup.runUntilEmpty();
  expect(getShownKeys(setup)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
  expect(setup.telegram.calls.map(({ method }) => method)).toEqual(["sendMessage", "editMessageText"]);
});

test("after an edit that Telegram refuses for good the next notification shows its content, and a replay edits nothing", async () => {
  const setup = await createOutboxSetup();
  await deliverNotices(setup, 1);
  setup.telegram.injectFaults(REFUSED, REFUSED);
  await setup.enqueue(2);
  await setup.runUntilEmpty();
  const [dead] = await setup.store.listDeadJobs("outbox");
  expect(dead?.reason).toContain("ENTITY_BOUNDS_INVALID");
  await setup.enqueue(3);
  await setup.runUntilEmpty();
  expect(getShownKeys(setup)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
  const calls = setup.telegram.calls.length;
  await setup.store.replay("outbox", dead?.id ?? "");
  await setup.runUntilEmpty();
  expect(setup.telegram.calls).toHaveLength(calls);
});

test.each(["before", "after"] as const)(
  "a notification that arrives during an edit is shown by another edit if it comes %s Telegram edits",
  async (when) => {
    const setup = await createOutboxSetup();
    await deliverNotices(setup, 1, 2);
    setup.time.now += 1_500;
    await handleJobDuring(setup, when, () => deliverNotices(setup, 3));
    expect(getShownKeys(setup)).toEqual([["ONB-1", "ONB-2"]]);
    await setup.runUntilEmpty();
    expect(getShownKeys(setup)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
    expect(setup.telegram.calls).toHaveLength(3);
  },
);

test("what arrives after an edit that was repeated with more is shown, too", async () => {
  const setup = await createOutboxSetup();
  await deliverNotices(setup, 1);
  await deliverNotices(setup, 2);
  setup.telegram.injectFaults({ kind: "error", status: 500, description: "Internal Server Error" });
  setup.time.now += 1_300;
  await setup.handleJob(await setup.takeJob());
  await deliverNotices(setup, 3);
  await setup.runUntilEmpty();
  expect(getShownKeys(setup)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
  await deliverNotices(setup, 4);
  await setup.runUntilEmpty();
  expect(getShownKeys(setup)).toEqual([["ONB-1", "ONB-2", "ONB-3", "ONB-4"]]);
});

test("a notification that arrives during an edit is in the message that replaces a deleted one", async () => {
  const setup = await createOutboxSetup();
  await deliverNotices(setup, 1, 2);
  setup.telegram.removeMessage(OUTBOX_CHAT, 1);
  setup.time.now += 1_500;
  await setup.handleJob(await setup.takeJob());
  setup.time.now += 1_500;
  await handleJobDuring(setup, "after", () => deliverNotices(setup, 3));
  await setup.runUntilEmpty();
  expect(getShownKeys(setup)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
});

const createBlocker = (n: number, change: Parameters<typeof createNotice>[1] = { priority: "high" }) =>
  createNotice(n, { word: "blocked", ...change }, { kind: "blocked" });

test.each([
  [
    "what needs a person comes with a sound, and is not edited into a message that came without one",
    () => [...createNotices(1, 2), createBlocker(3), createNotice(4), createBlocker(5)],
    ["ONB-1 ONB-2 ONB-4", "ONB-3 ONB-5 with a sound"],
  ],
  [
    "what only informs joins a message with a sound",
    () => [createBlocker(1), createNotice(2)],
    ["ONB-1 ONB-2 with a sound"],
  ],
])("%s", async (_, createAll, shown) => {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, createAll());
  await setup.runUntilEmpty();
  const { messages } = setup.telegram.chat(OUTBOX_CHAT);
  const sounds = messages.map(({ text, silent }) => parseTaskKeys(text).join(" ") + (silent ? "" : " with a sound"));
  expect(sounds).toEqual(shown);
});

test("messages of a task reply to its first message, also after restarts", async () => {
  const app = await createLiveMessagesApp();
  const key = await app.startTask("Imhotep");
  const [first] = app.getBotMessages();
  await app.advanceAndDrain(25_000);
  await app.askQuestion("Imhotep", key, { text: "Which colour?" });
  await app.restart();
  await app.actAs("Imhotep").setStatus(key, { status: "done", text: "Painted", confidence: 1 });
  await app.advanceAndDrain(10_000);
  const others = app.getBotMessages().filter(({ id }) => id !== first?.id);
  expect(others.map((text) => toPlainText(text).split(":")[0])).toEqual(["❓ Question from Imhotep", "✅ Completed"]);
  expect(others.map(({ replyTo }) => replyTo)).toEqual([first?.id, first?.id]);
});
