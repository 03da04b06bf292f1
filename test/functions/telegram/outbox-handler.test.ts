import { expect, test } from "vitest";
import {
  recordSendOutcome,
  reserveSend,
  type SendPriority,
  TELEGRAM_LIMITS,
} from "../../../functions/telegram/delivery/rate-limits.ts";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { createReplyJob, replyLane } from "../../../shared/jobs/outgoing-jobs.ts";
import { type ChatMessage, chatMessageSet } from "../../../shared/telegram/message-log.ts";
import { HOUR } from "../../../shared/time.ts";
import { pickSize } from "../../reliability/random-source.ts";
import { toPlainText } from "./commands/commands-app.ts";
import { createLiveMessagesApp } from "./live-messages-app.ts";
import {
  createNotice,
  createNotices,
  createOutboxSetup,
  enqueueNotices,
  OUTBOX_CHAT,
  type OutboxSetup,
  parseTaskKeys,
  wrapBot,
} from "./outbox-setup.ts";

const MARK = "(may be a repeat)";

test("limits and order: messages to several chats arrive in order per chat, at most one a second (reliability 14)", async () => {
  const chats = pickSize([1, 2, 3, 4, 5], [1, 2]);
  const messages = pickSize(100, 10);
  const setup = await createOutboxSetup({ burst: 0, chats });
  for (const chat of chats) await setup.enqueue(1, messages, chat);
  await setup.runUntilEmpty();
  for (const chat of chats) {
    expect(setup.getKeys(chat)).toEqual(Array.from({ length: messages }, (_, index) => `ONB-${index + 1}`));
    const times = setup.telegram.calls.filter((call) => call.chat === String(chat)).map(({ at }) => at);
    expect(Math.min(...times.slice(1).map((at, index) => at - (times[index] ?? 0)))).toBeGreaterThanOrEqual(1_000);
  }
  expect(setup.telegram.calls.every(({ outcome }) => outcome === "ok")).toBe(true);
});

test("limits and order: after 429 with retry_after 30 nothing is sent to that chat early, and the order is kept (reliability 14)", async () => {
  const setup = await createOutboxSetup({ burst: 0, chats: [OUTBOX_CHAT, 43] });
  setup.telegram.injectFaults({ kind: "too_many", seconds: 30 });
  await setup.enqueue(1, 5);
  await setup.handleJob(await setup.takeJob());
  expect(await setup.takeJobs(), "nothing is tried before").toEqual([]);
  await setup.enqueue(1, 1, 43);
  await setup.runUntilEmpty();
  const [first, ...rest] = setup.telegram.calls.filter(({ chat }) => chat === String(OUTBOX_CHAT));
  expect(first?.outcome).toBe("429");
  expect(rest.map(({ outcome }) => outcome)).toEqual(["ok", "ok", "ok", "ok", "ok"]);
  expect((rest[0]?.at ?? 0) - (first?.at ?? 0)).toBe(30_000);
  expect(setup.getKeys()).toEqual(["ONB-1", "ONB-2", "ONB-3", "ONB-4", "ONB-5"]);
  expect(setup.getTexts().join()).not.toContain(MARK);
  expect((setup.telegram.calls.find(({ chat }) => chat === "43")?.at ?? 0) - (first?.at ?? 0)).toBeLessThan(1_000);
});

test("a failed send (reliability 14): each missing answer causes one marked repeat, which stays marked while it waits", async () => {
  const setup = await createOutboxSetup({ burst: 0 });
  setup.telegram.injectFaults(
    { kind: "lost" },
    { kind: "too_many", seconds: 5 },
    { kind: "error", status: 500, description: "x" },
    { kind: "lost" },
  );
  await setup.enqueue(1);
  await setup.runUntilEmpty();
  expect(setup.getTexts().map((text) => text.includes(MARK))).toEqual([false, true, true]);
});

test("limits and order: after an excessive retry_after one probe is sent when an hour is over, and its success releases the chat (reliability 32)", async () => {
  const setup = await createOutboxSetup({ burst: 0 });
  const excessiveWait = { kind: "too_many", seconds: 999_999_999, enforced: 0 } as const;
  setup.telegram.injectFaults(excessiveWait, excessiveWait);
  await setup.enqueue(1);
  await setup.runUntilEmpty(1_000);
  await setup.enqueue(2, 4);
  await setup.runUntilEmpty(3 * HOUR, 60_000);
  const [refused, ...rest] = setup.telegram.calls;
  const minutes = rest.map(({ at, outcome }) => `${Math.round((at - (refused?.at ?? 0)) / 60_000)} ${outcome}`);
  expect(minutes).toEqual(["60 429", "120 ok", "121 ok", "122 ok", "123 ok"]);
});

test("a failed send: while Telegram is unreachable, retries slow down to ten minutes; then all arrives in order, unmarked", async () => {
  const setup = await createOutboxSetup({ burst: 0 });
  await setup.telegram.stop();
  await setup.enqueue(1, 3);
  await setup.runUntilEmpty(3_600_000, 400);
  const tries = setup.lines.map((line) => JSON.parse(line)).filter(({ outcome }) => outcome === "not_sent");
  const gaps = tries.map(({ time }) => Date.parse(time)).map((at, index, all) => at - (all[index - 1] ?? at));
  expect(gaps.slice(1, 9).map((gap) => Math.round(gap / 1_000))).toEqual([1, 5, 15, 60, 120, 300, 600, 600]);
  await setup.telegram.start();
  expect(await setup.runUntilEmpty(3_600_000, 1_000)).toEqual([["ONB-1"], ["ONB-2"], ["ONB-3"]]);
  expect(setup.getTexts().join()).not.toContain(MARK);
});

test("a failed send: a chat that refuses the bot (403), or a bot that is not configured, keeps its messages until it is fixed", async () => {
  const setup = await createOutboxSetup({ burst: 0 });
  setup.telegram.refuseChat(OUTBOX_CHAT, 403, "Forbidden: bot was kicked from the group chat");
  await setup.enqueue(1, 2);
  const { telegram: _, ...without } = setup.deps;
  const job = await setup.takeJob();
  const waits = await setup.jobHandler.handle(without, job);
  expect(waits).toEqual({ retryAt: setup.time.now + 60_000 });
  await setup.store.acknowledge(job, waits);
  expect(await setup.runUntilEmpty(120_000, 1_000)).toEqual([]);
  setup.telegram.allowChat(OUTBOX_CHAT);
  expect(await setup.runUntilEmpty()).toEqual([["ONB-1"], ["ONB-2"]]);
});

test("limits and order: a reply does not wait behind the chat's notifications", async () => {
  const setup = await createOutboxSetup({ burst: 0 });
  await setup.enqueue(1, 10);
  const answer = { rich: { text: "Hello", entities: [] }, language: "en" as const };
  await setup.store.commit({ jobs: [createReplyJob(OUTBOX_CHAT, answer, "1", "c1")] });
  await setup.runUntilEmpty();
  expect(setup.getTexts().slice(0, 3)).toContain("Hello");
});

test("a failed send: a message that Telegram will never accept becomes a dead letter with the reason, and the others are sent", async () => {
  const setup = await createOutboxSetup({ burst: 0 });
  setup.telegram.injectFaults({ kind: "error", status: 400, description: "Bad Request: ENTITY_BOUNDS_INVALID" });
  await setup.enqueue(1, 2);
  expect(await setup.runUntilEmpty()).toEqual([["ONB-2"]]);
  const [dead] = await setup.store.listDeadJobs("outbox");
  expect(dead?.reason).toContain("ENTITY_BOUNDS_INVALID");
  await setup.store.replay("outbox", dead?.id ?? "");
  expect(await setup.runUntilEmpty()).toEqual([["ONB-2"], ["ONB-1"]]);
});

test("a failed send: a replay of one that may have arrived has the mark, and is not edited into a message sent meanwhile", async () => {
  const setup = await createOutboxSetup({ burst: 600_000 });
  setup.telegram.injectFaults({ kind: "lost" }, { kind: "error", status: 400, description: "Bad Request: x" });
  await setup.enqueue(1, 2);
  await setup.runUntilEmpty();
  const [dead] = await setup.store.listDeadJobs("outbox");
  await setup.store.replay("outbox", dead?.id ?? "");
  await setup.runUntilEmpty();
  const shown = setup.getTexts().map((text) => parseTaskKeys(text).join() + (text.includes(MARK) ? "?" : ""));
  expect(shown).toEqual(["ONB-1", "ONB-2", "ONB-1?"]);
});

test("the log contains the ids and the correlation id of a message, never its text", async () => {
  const setup = await createOutboxSetup();
  const notice = createNotice(1, { title: "Marzipan", assignees: ["Nougat"] });
  await enqueueNotices(setup.store, [notice, createNotice(2, { title: "Krokant" })]);
  await setup.runUntilEmpty();
  const log = setup.lines.join("\n");
  expect(log).toContain(notice.correlation);
  expect(log).toContain('"messageId":1');
  expect(log).not.toMatch(/Marzipan|Nougat|Krokant|secret-token/);
});

const BUTTONS = [[{ text: "Yes", data: "pick:a:0" }]];
const createBoldEntities = (text: string) => [{ type: "bold", offset: 0, length: text.length }];

async function enqueue({ store }: OutboxSetup, id: string, body: object) {
  const json = JSON.parse(JSON.stringify({ chat: OUTBOX_CHAT, correlation: "c1", ...body }));
  await store.commit({ jobs: [{ id, queue: "outbox", lane: replyLane(OUTBOX_CHAT), body: json }] });
}

const createReply = (text: string, more: object = {}) => ({
  type: "reply",
  answer: { rich: { text, entities: createBoldEntities(text) }, language: "en", ...more },
});
const createReplacement = (messageId: number, text: string, more: object = {}) => ({
  type: "replacement",
  show: { messageId, rich: { text, entities: [] }, language: "en", ...more },
});

const readChatMessages = async ({ store }: OutboxSetup) =>
  (await store.scan<ChatMessage>(chatMessageSet)).rows.map(({ value }) => value);

test("a reply is sent with its formatting and buttons in its topic, and the dashboard shows it", async () => {
  const setup = await createOutboxSetup();
  setup.telegram.setTopic(OUTBOX_CHAT, 3, "open");
  await setup.enqueue(1);
  await setup.runUntilEmpty();
  await enqueue(setup, "answer:1", createReply("Yes or no?", { buttons: BUTTONS, replyTo: 1, topic: 3 }));
  await setup.runUntilEmpty();
  expect(setup.telegram.chat(OUTBOX_CHAT).messages.at(-1)).toMatchObject({
    text: "Yes or no?",
    replyTo: 1,
    topic: 3,
    entities: createBoldEntities("Yes or no?"),
    buttons: [[{ text: "Yes", callback_data: "pick:a:0" }]],
  });
  const [shown] = (await readChatMessages(setup)).filter(({ text }) => text === "Yes or no?");
  expect(shown).toMatchObject({ chat: String(OUTBOX_CHAT), messageId: 2, buttons: BUTTONS });
});

test("a message whose process ended after it was sent and stored is not sent again", async () => {
  const setup = await createOutboxSetup();
  await enqueue(setup, "answer:1", createReply("Hello"));
  for (let times = 0; times < 2; times += 1) {
    expect(await setup.jobHandler.handle(setup.deps, await setup.takeJob())).toMatchObject({ done: true });
    setup.time.now += setup.jobHandler.leaseMs;
  }
  expect(setup.getTexts()).toEqual(["Hello"]);
});

test("a replaced text changes the message, also on the dashboard, or is sent anew where it was deleted", async () => {
  const setup = await createOutboxSetup();
  await enqueue(setup, "answer:1", createReply("Yes or no?", { buttons: BUTTONS }));
  await enqueue(setup, "show:2", createReplacement(1, "Yes."));
  await setup.runUntilEmpty();
  expect(setup.telegram.chat(OUTBOX_CHAT).messages).toMatchObject([{ text: "Yes.", buttons: [] }]);
  const [shown] = await readChatMessages(setup);
  expect(shown).toMatchObject({ text: "Yes.", entities: [] });
  expect(shown?.buttons).toBeUndefined();
  expect(shown?.history).toHaveLength(2);
  setup.telegram.removeMessage(OUTBOX_CHAT, 1);
  await enqueue(setup, "show:3", createReplacement(1, "No.", { buttons: BUTTONS }));
  await setup.runUntilEmpty();
  expect(setup.telegram.chat(OUTBOX_CHAT).messages).toMatchObject([{ text: "No.", buttons: [[{ text: "Yes" }]] }]);
});

/** Counts the calls allowed within one minute, made two seconds apart; 30 means that there is no limit. */
async function countReservations(chat: number, priority: SendPriority): Promise<number> {
  const time = { now: 0 };
  const store = createMemoryStore({ clock: () => time.now });
  for (let count = 0; ; count += 1, time.now += 2_000)
    if (count === 30 || (await reserveSend(store, chat, TELEGRAM_LIMITS, priority)).wait > 0) return count;
}

test.each([
  ["request", 20],
  ["reply", 18],
  ["notification", 12],
  ["background", 8],
] as const)("messages of priority %s get %i of a group's calls in a minute", async (priority, calls) => {
  expect(await countReservations(-100, priority)).toBe(calls);
});

test("after a long hold of a chat only one of many calls at once is granted, and its success releases the others", async () => {
  const time = { now: 0 };
  const store = createMemoryStore({ clock: () => time.now });
  const reserve = () => reserveSend(store, 42, TELEGRAM_LIMITS, "reply");
  const first = await reserve();
  await recordSendOutcome(store, 42, first, { kind: "wait", ms: 600_000 });
  time.now += 600_000;
  const [probe, ...others] = (await Promise.all(Array.from({ length: 20 }, reserve))).filter(({ wait }) => wait === 0);
  expect([probe, others]).toEqual([{ wait: 0, isProbe: true }, []]);
  time.now += 2_000;
  expect((await reserve()).wait).toBe(1_000);
  await recordSendOutcome(store, 42, { wait: 0, isProbe: true }, { kind: "sent", messageId: 1 });
  expect(await reserve()).toEqual({ wait: 0, isProbe: false });
});

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
  expect(await setup.runUntilEmpty()).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
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
  expect(await setup.runUntilEmpty()).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
  const calls = setup.telegram.calls.length;
  await setup.store.replay("outbox", dead?.id ?? "");
  await setup.runUntilEmpty();
  expect(setup.telegram.calls).toHaveLength(calls);
});

test.each(["before", "after"] as const)("what arrives %s Telegram edits is shown by another edit", async (when) => {
  const setup = await createOutboxSetup();
  await deliverNotices(setup, 1, 2);
  setup.time.now += 1_500;
  await handleJobDuring(setup, when, () => deliverNotices(setup, 3));
  expect(getShownKeys(setup)).toEqual([["ONB-1", "ONB-2"]]);
  expect(await setup.runUntilEmpty()).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
  expect(setup.telegram.calls).toHaveLength(3);
});

test("what arrives after an edit that was repeated with more is shown, too", async () => {
  const setup = await createOutboxSetup();
  await deliverNotices(setup, 1);
  await deliverNotices(setup, 2);
  setup.telegram.injectFaults({ kind: "error", status: 500, description: "Internal Server Error" });
  setup.time.now += 1_300;
  await setup.handleJob(await setup.takeJob());
  await deliverNotices(setup, 3);
  expect(await setup.runUntilEmpty()).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
  await deliverNotices(setup, 4);
  expect(await setup.runUntilEmpty()).toEqual([["ONB-1", "ONB-2", "ONB-3", "ONB-4"]]);
});

test("a notification that arrives during an edit is in the message that replaces a deleted one", async () => {
  const setup = await createOutboxSetup();
  await deliverNotices(setup, 1, 2);
  setup.telegram.removeMessage(OUTBOX_CHAT, 1);
  setup.time.now += 1_500;
  await setup.handleJob(await setup.takeJob());
  setup.time.now += 1_500;
  await handleJobDuring(setup, "after", () => deliverNotices(setup, 3));
  expect(await setup.runUntilEmpty()).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
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
