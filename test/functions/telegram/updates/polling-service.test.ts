import { expect, test } from "vitest";
import { pollTelegramOnce } from "../../../../functions/telegram/updates/receive-updates.ts";
import { readLongPauses, shortenPauses } from "../../../../shared/app/health.ts";
import { createPollingSetup, POLLING_CHAT, POLLING_USER } from "./polling-setup.ts";

test("updates are stored once and confirmed to Telegram with the next call", async () => {
  const { telegram, deps, time } = await createPollingSetup();
  await telegram.postAsUser(POLLING_CHAT, POLLING_USER, "one");
  await telegram.postAsUser(POLLING_CHAT, POLLING_USER, "two");
  expect(await pollTelegramOnce(deps, "me")).toBe(0);
  expect((await deps.store.stats()).queues.updates.pending).toBe(2);
  await telegram.postAsUser(POLLING_CHAT, POLLING_USER, "three");
  time.now += 1_000;
  await pollTelegramOnce(deps, "me");
  expect((await deps.store.stats()).queues.updates.pending).toBe(3);
});

test("one runtime polls at a time; another takes over when its lease has expired", async () => {
  const { telegram, deps, time, calledMethods } = await createPollingSetup();
  await telegram.postAsUser(POLLING_CHAT, POLLING_USER, "one");
  await pollTelegramOnce(deps, "first");
  expect(await pollTelegramOnce(deps, "second")).toBe(5_000);
  expect(calledMethods.filter((method) => method === "getUpdates")).toHaveLength(1);
  await telegram.postAsUser(POLLING_CHAT, POLLING_USER, "two");
  time.now += 46_000;
  expect(await pollTelegramOnce(deps, "second")).toBe(0);
  expect((await deps.store.stats()).queues.updates.pending).toBe(2);
});

test("updates that could not be stored are polled again, since they share a commit with the offset", async () => {
  const { telegram, deps } = await createPollingSetup();
  await telegram.postAsUser(POLLING_CHAT, POLLING_USER, "one");
  const broken = { ...deps.store, commit: () => Promise.reject(new Error("down")) };
  await expect(pollTelegramOnce({ ...deps, store: broken }, "me")).rejects.toThrow("down");
  await pollTelegramOnce(deps, "me");
  expect((await deps.store.stats()).queues.updates.pending).toBe(1);
});

test("replies, and commands for agents, wait for none of the commands before them (PEOPLE-02)", async () => {
  const { telegram, deps } = await createPollingSetup();
  for (const text of ["/plane status", "/plane stop ONB-1", "/plane comment ONB-1 Blue, please", "/plane done ONB-1"])
    await telegram.postAsUser(POLLING_CHAT, POLLING_USER, text);
  await pollTelegramOnce(deps, "me");
  expect((await deps.store.stats()).queues).toMatchObject({ people: { pending: 2 }, updates: { pending: 2 } });
});

test("a conflict (409) is logged: another program reads this bot's updates", async () => {
  const { telegram, deps, lines } = await createPollingSetup();
  await deps.telegram.setWebhook("http://127.0.0.1:1/somebody-else", "secret");
  await telegram.redeliverUpdates();
  expect(await pollTelegramOnce(deps, "me")).toBe(30_000);
  expect(lines).toMatchObject([{ level: "error", message: expect.stringContaining("not OpenClaw's") }]);
});

test("an excessive retry_after stops the polls for an hour at most, visibly, and they continue at once when it is ended", async () => {
  const { telegram, deps, time, calledMethods } = await createPollingSetup();
  await telegram.postAsUser(POLLING_CHAT, POLLING_USER, "one");
  const refused = { ...deps.telegram, getUpdates: async () => ({ kind: "wait", ms: 3_600_000 }) as const };
  expect(await pollTelegramOnce({ ...deps, telegram: refused }, "me")).toBe(5_000);
  expect(await readLongPauses(deps.store)).toEqual({ telegram: 3_600_000 });
  time.now += 3_599_000;
  expect(await pollTelegramOnce(deps, "me")).toBe(1_000);
  expect(calledMethods).not.toContain("getUpdates");
  expect(await shortenPauses(deps.store, "telegram", 0)).toBe(1);
  expect(await pollTelegramOnce(deps, "me")).toBe(0);
  expect((await deps.store.stats()).queues.updates.pending).toBe(1);
  expect(await deps.store.listPauses()).toEqual([]);
});

test("a polled update that cannot be read is kept as a job, because the next call confirms it", async () => {
  const { deps } = await createPollingSetup();
  const update = { update_id: 7, message: { text: 7 } };
  const telegram = { ...deps.telegram, getUpdates: async () => ({ kind: "updates" as const, updates: [update] }) };
  expect(await pollTelegramOnce({ ...deps, telegram }, "me")).toBe(0);
  const [job] = await deps.store.take("updates", 1_000, 1);
  expect(job?.body).toMatchObject({ type: "unread_update", raw: JSON.stringify(update) });
});
