import { expect, test } from "vitest";
import type { AnyEvent } from "../../../../shared/task/events.ts";
import { isSilentMessage } from "../../../../shared/telegram/chat-settings.ts";
import type { TelegramSimulator } from "../../../../simulators/telegram/telegram-simulator.ts";
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

const createBlocker = (n: number, change: Parameters<typeof createNotice>[1] = { priority: "high" }) =>
  createNotice(n, { word: "blocked", ...change }, BLOCKED);

test.each([
  ["a completed task comes without a sound", () => [createNotice(1)], [["ONB-1", "silent"]]],
  ["a critical blocker comes with one", () => [createBlocker(1)], [["ONB-1", "sound"]]],
  ["a blocker of normal priority without", () => [createBlocker(1, { priority: "medium" })], [["ONB-1", "silent"]]],
  [
    "an urgent task that waits for another one as planned without",
    () => [createBlocker(1, { priority: "urgent", blockers: [{ key: "WEB-9", title: "First" }] })],
    [["ONB-1", "silent"]],
  ],
  [
    "what needs a person is not edited into a message that came without one",
    () => [...createNotices(1, 2), createBlocker(3), createNotice(4), createBlocker(5)],
    [
      ["ONB-1 ONB-2 ONB-4", "silent"],
      ["ONB-3 ONB-5", "sound"],
    ],
  ],
  ["what only informs joins one with a sound", () => [createBlocker(1), createNotice(2)], [["ONB-1 ONB-2", "sound"]]],
])("sounds: %s", async (_, createAll, sounds) => {
  const setup = await createOutboxSetup();
  await enqueueNotices(setup.store, createAll());
  await setup.runUntilEmpty();
  expect(getSounds(setup.telegram)).toEqual(sounds);
});

test("a blocked task of unknown priority comes without a sound", () => {
  expect(isSilentMessage("blocked")).toBe(true);
});
