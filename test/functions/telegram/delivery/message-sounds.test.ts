import { expect, test } from "vitest";
import { type AnyEvent, EVENT_KINDS } from "../../../../shared/task/events.ts";
import { isSilentMessage, MESSAGE_SOUNDS } from "../../../../shared/telegram/chat-settings.ts";
import type { TelegramSimulator } from "../../../../simulators/telegram/telegram-simulator.ts";
import { GROUP_CHAT } from "../commands/commands-app.ts";
import { createLiveMessagesApp } from "../live-messages-app.ts";
import {
  createNotice,
  createNotices,
  createOutboxSetup,
  enqueueNotices,
  OUTBOX_CHAT,
  parseTaskKeys,
} from "../outbox-setup.ts";

const BLOCKED: AnyEvent = { kind: "blocked" };

/** What a chat shows: the task keys of each message, and whether it came with a sound. */
const getSounds = (telegram: TelegramSimulator) =>
  telegram
    .chat(OUTBOX_CHAT)
    .messages.map(({ text, silent }) => [parseTaskKeys(text).join(" "), silent ? "silent" : "sound"]);

test("a completed task comes without a sound, a critical blocker with one", async () => {
  const setup = await createOutboxSetup({ burst: 0 });
  await enqueueNotices(setup.store, [
    createNotice(1),
    createNotice(2, { priority: "urgent", word: "blocked" }, BLOCKED),
  ]);
  await setup.runUntilEmpty();
  expect(getSounds(setup.telegram)).toEqual([
    ["ONB-1", "silent"],
    ["ONB-2", "sound"],
  ]);
});

test.each([
  ["a blocked task of normal priority", { priority: "medium" as const }],
  ["an urgent task that waits for another one as planned", { blockers: [{ key: "WEB-9", title: "First" }] }],
])("%s comes without a sound", async (_, change) => {
  const setup = await createOutboxSetup();
  const notice = createNotice(1, { priority: "urgent", word: "blocked", ...change }, BLOCKED);
  await enqueueNotices(setup.store, [notice]);
  await setup.runUntilEmpty();
  expect(getSounds(setup.telegram)).toEqual([["ONB-1", "silent"]]);
});

test("what needs the human is not edited into a message that came without a sound", async () => {
  const setup = await createOutboxSetup();
  const blocker = (n: number) => createNotice(n, { priority: "high", word: "blocked" }, BLOCKED);
  await enqueueNotices(setup.store, [...createNotices(1, 2), blocker(3), createNotice(4), blocker(5)]);
  await setup.runUntilEmpty();
  expect(getSounds(setup.telegram)).toEqual([
    ["ONB-1 ONB-2 ONB-4", "silent"],
    ["ONB-3 ONB-5", "sound"],
  ]);
});

test("what only informs joins an open message that came with a sound", async () => {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, [createNotice(1, { priority: "high", word: "blocked" }, BLOCKED), createNotice(2)]);
  await setup.runUntilEmpty();
  expect(getSounds(setup.telegram)).toEqual([["ONB-1 ONB-2", "sound"]]);
});

test("a message without a sound that cannot be edited is replaced by one without a sound", async () => {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, createNotices(1, 1));
  await setup.handleDueJobs();
  setup.telegram.removeMessage(OUTBOX_CHAT, setup.telegram.chat(OUTBOX_CHAT).messages[0]?.id ?? 0);
  await enqueueNotices(setup.store, createNotices(2, 2));
  await setup.runUntilEmpty();
  expect(getSounds(setup.telegram)).toEqual([["ONB-1 ONB-2", "silent"]]);
});

test("the progress message of a task comes without a sound, the question of its agent with one (NOTIF-07)", async () => {
  const app = await createLiveMessagesApp();
  const key = await app.startTask("Imhotep");
  await app.askQuestion("Imhotep", key, { text: "Which host?", choices: ["A", "B"], urgency: "normal" });
  const sounds = app.telegram.chat(GROUP_CHAT).messages.map(({ silent }) => silent ?? false);
  expect(sounds).toEqual([true, false]);
});

test("every kind of event has a rule for its sound", () => {
  expect(EVENT_KINDS.filter((kind) => MESSAGE_SOUNDS[kind] === undefined)).toEqual([]);
  expect(isSilentMessage("blocked")).toBe(true);
});
