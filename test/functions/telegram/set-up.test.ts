import { expect, test } from "vitest";
import { setUpOnce } from "../../../functions/telegram/set-up.ts";
import { createReach } from "./reaching.ts";

const CHANGES = ["setWebhook", "deleteWebhook", "setMyCommands"];
const PUBLIC = { PUBLIC_URL: "https://crew.example.com", TELEGRAM_WEBHOOK_SECRET: "a-secret-of-these-tests_1" };

test("sets the webhook and the menus in English and French, and the second time changes nothing", async () => {
  const { telegram, deps, asked } = await createReach(PUBLIC);
  expect(await setUpOnce(deps)).toBeUndefined();
  expect(await deps.telegram.webhook()).toMatchObject({
    url: "https://crew.example.com/webhooks/telegram",
    allowed: ["message", "callback_query"],
  });
  for (const language of ["", "en", "fr"]) expect(telegram.menu(language)).toHaveLength(1);
  expect(telegram.menu("fr")?.[0]?.description).toMatch(/tâches/);
  asked.length = 0;
  expect(await setUpOnce(deps)).toBeUndefined();
  expect(asked.filter((method) => CHANGES.includes(method))).toEqual([]);
});

test("registers the webhook anew when the secret has changed", async () => {
  const { deps, asked } = await createReach(PUBLIC);
  await setUpOnce(deps);
  asked.length = 0;
  const telegram = deps.settings.telegram && { ...deps.settings.telegram, webhookSecrets: ["another-secret_2"] };
  await setUpOnce({ ...deps, settings: { ...deps.settings, ...(telegram && { telegram }) } });
  expect(asked.filter((method) => CHANGES.includes(method))).toEqual(["setWebhook"]);
});

test("takes the webhook away where updates are polled", async () => {
  const { deps, asked } = await createReach();
  await deps.telegram.setWebhook("https://old.example.com/webhooks/telegram", "old");
  expect(await setUpOnce(deps)).toBeUndefined();
  expect(await deps.telegram.webhook()).toMatchObject({ url: "" });
  asked.length = 0;
  await setUpOnce(deps);
  expect(asked.filter((method) => CHANGES.includes(method))).toEqual([]);
});

test("says why it could not be done, and does it when Telegram is back", async () => {
  const { telegram, deps } = await createReach();
  await telegram.stop();
  expect(await setUpOnce(deps)).toMatch(/no answer/);
  await telegram.start();
  expect(await setUpOnce(deps)).toBeUndefined();
});

test("a menu that is refused keeps the webhook from nothing", async () => {
  const { deps } = await createReach(PUBLIC);
  const refused = { kind: "refused", reason: "404 Not Found", lasting: false } as const;
  const telegram = { ...deps.telegram, commands: async () => refused };
  expect(await setUpOnce({ ...deps, telegram })).toBe("404 Not Found");
  expect(await deps.telegram.webhook()).toMatchObject({ url: "https://crew.example.com/webhooks/telegram" });
});
