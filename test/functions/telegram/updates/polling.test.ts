import { expect, test } from "vitest";
import { pollTelegramOnce, setUpBot } from "../../../../functions/telegram/updates/receive-updates.ts";
import { readLongPauses, shortenPauses } from "../../../../shared/app/health.ts";
import { omitUndefined } from "../../../../shared/omit-undefined.ts";
import { createTestSettings, PLANE_ENV, TELEGRAM_ENV } from "../../../support/settings.ts";
import { createOutboxSetup, OUTBOX_CHAT } from "../outbox-setup.ts";

/** Creates the dependencies of polling and of the bot setup, with a simulated Telegram server over HTTP. */
async function createPollingSetup(env: Record<string, string> = {}) {
  const calledMethods: string[] = [];
  const count = (_: string, labels?: Record<string, string>) => void calledMethods.push(labels?.["method"] ?? "");
  const { telegram, store, time, deps: outboxDeps, bot } = await createOutboxSetup({ count });
  const deps = {
    ...{ ...outboxDeps, telegram: bot, newId: () => "id", stopping: new AbortController().signal },
    settings: createTestSettings({ ...PLANE_ENV, ...TELEGRAM_ENV, ...env }),
  };
  return {
    ...{ telegram, deps, time },
    write: (text: string) => telegram.postAsUser(OUTBOX_CHAT, 7, text),
    countPending: async () => (await store.stats()).queues.updates.pending,
    /** The methods that were called since this was called last. */
    takeMethods: () => calledMethods.splice(0),
  };
}

test("updates are stored once and confirmed to Telegram with the next call", async () => {
  const { deps, time, write, countPending } = await createPollingSetup();
  await write("one");
  await write("two");
  expect(await pollTelegramOnce(deps, "me")).toBe(0);
  expect(await countPending()).toBe(2);
  await write("three");
  time.now += 1_000;
  await pollTelegramOnce(deps, "me");
  expect(await countPending()).toBe(3);
});

test("one runtime polls at a time; another takes over when its lease has expired", async () => {
  const { deps, time, write, countPending, takeMethods } = await createPollingSetup();
  await write("one");
  await pollTelegramOnce(deps, "first");
  expect(await pollTelegramOnce(deps, "second")).toBe(5_000);
  expect(takeMethods().filter((method) => method === "getUpdates")).toHaveLength(1);
  await write("two");
  time.now += 46_000;
  expect(await pollTelegramOnce(deps, "second")).toBe(0);
  expect(await countPending()).toBe(2);
  // A call that outlasts its lease stores nothing.
  const answer = (updates: { update_id: number }[]) => ({ kind: "updates" as const, updates });
  const getUpdates = async () => {
    time.now += 46_000;
    await pollTelegramOnce({ ...deps, telegram: { ...deps.telegram, getUpdates: async () => answer([]) } }, "third");
    return answer([{ update_id: 7_000 }]);
  };
  await pollTelegramOnce({ ...deps, telegram: { ...deps.telegram, getUpdates } }, "second");
  expect(await deps.store.read(["telegram-offset"])).toMatchObject([
    { value: { next: expect.toSatisfy((n) => n < 7_000) } },
  ]);
});

test("updates that could not be stored are polled again, and one that cannot be read is kept as a job", async () => {
  const { deps, write, countPending } = await createPollingSetup();
  await write("one");
  const broken = { ...deps.store, commit: () => Promise.reject(new Error("down")) };
  await expect(pollTelegramOnce({ ...deps, store: broken }, "me")).rejects.toThrow("down");
  await pollTelegramOnce(deps, "me");
  expect(await countPending()).toBe(1);
  await deps.store.take("updates", 1_000, 1);
  const update = { update_id: 7_000, message: { text: 7 } };
  const offsets: number[] = [];
  const getUpdates = async (offset: number) => {
    offsets.push(offset);
    return { kind: "updates" as const, updates: [update] };
  };
  const telegram = { ...deps.telegram, getUpdates };
  expect(await pollTelegramOnce({ ...deps, telegram }, "me")).toBe(0);
  const [job] = await deps.store.take("updates", 1_000, 1);
  expect(job?.body).toMatchObject({ type: "unread_update", raw: JSON.stringify(update) });
  await pollTelegramOnce({ ...deps, telegram }, "me");
  expect(offsets.at(-1)).toBe(7_001);
});

test("replies, and commands for agents, wait for none of the commands before them (PEOPLE-02)", async () => {
  const { deps, write } = await createPollingSetup();
  for (const text of ["/plane status", "/plane stop ONB-1", "/plane comment ONB-1 Blue, please", "/plane done ONB-1"])
    await write(text);
  await pollTelegramOnce(deps, "me");
  expect((await deps.store.stats()).queues).toMatchObject({ people: { pending: 2 }, updates: { pending: 2 } });
});

test("an excessive retry_after stops the polls for an hour at most, visibly, and they continue at once when it is ended", async () => {
  const { deps, time, write, countPending, takeMethods } = await createPollingSetup();
  await write("one");
  const refused = { ...deps.telegram, getUpdates: async () => ({ kind: "wait", ms: 3_600_000 }) as const };
  expect(await pollTelegramOnce({ ...deps, telegram: refused }, "me")).toBe(5_000);
  expect(await readLongPauses(deps.store)).toEqual({ telegram: 3_600_000 });
  time.now += 3_599_000;
  expect(await pollTelegramOnce(deps, "me")).toBe(1_000);
  expect(takeMethods()).not.toContain("getUpdates");
  expect(await shortenPauses(deps.store, "telegram", 0)).toBe(1);
  expect(await pollTelegramOnce(deps, "me")).toBe(0);
  expect(await countPending()).toBe(1);
});

const isChange = (method: string) => ["setWebhook", "deleteWebhook", "setMyCommands"].includes(method);

test("the setup sets the webhook and the menus, and changes nothing the second time but the webhook with its secret, or removes it", async () => {
  const webhookEnv = { PUBLIC_URL: "https://crew.example.com", TELEGRAM_WEBHOOK_SECRET: "a-secret-of-these-tests_1" };
  const { telegram, deps, takeMethods } = await createPollingSetup({ ...webhookEnv, LOCALE: "auto" });
  expect(await setUpBot(deps)).toBeUndefined();
  const webhook = { url: "https://crew.example.com/webhooks/telegram", allowed: ["message", "callback_query"] };
  expect(await deps.telegram.getWebhook()).toMatchObject(webhook);
  for (const language of ["", "en", "fr"]) expect(telegram.findMenu(language)).toHaveLength(1);
  expect(telegram.findMenu("fr")?.[0]?.description).toMatch(/tâches/);
  expect(telegram.findMenu("all_private_chats:fr")).toBeUndefined();
  takeMethods();
  expect(await setUpBot(deps)).toBeUndefined();
  expect(takeMethods().filter(isChange)).toEqual([]);
  const changed = deps.settings.telegram && { ...deps.settings.telegram, webhookSecrets: ["another-secret_2"] };
  await setUpBot({ ...deps, settings: { ...deps.settings, ...omitUndefined({ telegram: changed }) } });
  expect(takeMethods().filter(isChange)).toEqual(["setWebhook"]);
  const polled = await createPollingSetup();
  await polled.deps.telegram.setWebhook("https://old.example.com/webhooks/telegram", "old");
  expect(await setUpBot(polled.deps)).toBeUndefined();
  expect(await polled.deps.telegram.getWebhook()).toMatchObject({ url: "" });
});

test("the setup sets a menu of all commands for private chats where the chat is a private one", async () => {
  const { telegram, deps } = await createPollingSetup({ TELEGRAM_CHAT_ID: "4711" });
  await setUpBot(deps);
  expect(telegram.findMenu("fr")?.map(({ command }) => command)).toEqual(["plane"]);
  const menu = telegram.findMenu("all_private_chats:fr");
  expect(menu?.[0]).toEqual({ command: "status", description: expect.stringContaining("projets") });
  expect(menu?.map(({ command }) => command)).toContain("cycle");
});
