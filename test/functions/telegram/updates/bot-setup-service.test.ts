import { expect, test } from "vitest";
import { setUpBot } from "../../../../functions/telegram/updates/receive-updates.ts";
import { omitUndefined } from "../../../../shared/omit-undefined.ts";
import { createPollingSetup } from "./polling-setup.ts";

const CHANGING_METHODS = ["setWebhook", "deleteWebhook", "setMyCommands"];
const WEBHOOK_ENV = { PUBLIC_URL: "https://crew.example.com", TELEGRAM_WEBHOOK_SECRET: "a-secret-of-these-tests_1" };

test("the setup sets the webhook and the menus in English and French, and changes nothing the second time, but the webhook with its secret", async () => {
  const { telegram, deps, calledMethods } = await createPollingSetup({ ...WEBHOOK_ENV, LOCALE: "auto" });
  expect(await setUpBot(deps)).toBeUndefined();
  expect(await deps.telegram.getWebhook()).toMatchObject({
    url: "https://crew.example.com/webhooks/telegram",
    allowed: ["message", "callback_query"],
  });
  for (const language of ["", "en", "fr"]) expect(telegram.findMenu(language)).toHaveLength(1);
  expect(telegram.findMenu("fr")?.[0]?.description).toMatch(/tâches/);
  calledMethods.length = 0;
  expect(await setUpBot(deps)).toBeUndefined();
  expect(calledMethods.filter((method) => CHANGING_METHODS.includes(method))).toEqual([]);
  const changed = deps.settings.telegram && { ...deps.settings.telegram, webhookSecrets: ["another-secret_2"] };
  await setUpBot({ ...deps, settings: { ...deps.settings, ...omitUndefined({ telegram: changed }) } });
  expect(calledMethods.filter((method) => CHANGING_METHODS.includes(method))).toEqual(["setWebhook"]);
});

test("the setup sets a menu of all commands for private chats where the chat is a private one", async () => {
  const group = await createPollingSetup({ TELEGRAM_CHAT_ID: "-100" });
  await setUpBot(group.deps);
  expect(group.telegram.findMenu("all_private_chats:fr")).toBeUndefined();
  const { telegram, deps, calledMethods } = await createPollingSetup({ TELEGRAM_CHAT_ID: "4711" });
  await setUpBot(deps);
  expect(telegram.findMenu("fr")?.map(({ command }) => command)).toEqual(["plane"]);
  const menu = telegram.findMenu("all_private_chats:fr");
  expect(menu?.slice(0, 2)).toEqual([
    { command: "status", description: expect.stringContaining("projets") },
    { command: "mine", description: "ce qui attend votre réponse" },
  ]);
  expect(menu?.map(({ command }) => command)).toContain("cycle");
  calledMethods.length = 0;
  expect(await setUpBot(deps)).toBeUndefined();
  expect(calledMethods.filter((method) => CHANGING_METHODS.includes(method))).toEqual([]);
});

test("the setup removes the webhook if updates are polled", async () => {
  const { deps, calledMethods } = await createPollingSetup();
  await deps.telegram.setWebhook("https://old.example.com/webhooks/telegram", "old");
  expect(await setUpBot(deps)).toBeUndefined();
  expect(await deps.telegram.getWebhook()).toMatchObject({ url: "" });
  calledMethods.length = 0;
  await setUpBot(deps);
  expect(calledMethods.filter((method) => CHANGING_METHODS.includes(method))).toEqual([]);
});

test("the setup returns why it failed, and succeeds when Telegram is back", async () => {
  const { telegram, deps } = await createPollingSetup();
  await telegram.stop();
  expect(await setUpBot(deps)).toMatch(/no answer/);
  await telegram.start();
  expect(await setUpBot(deps)).toBeUndefined();
});
