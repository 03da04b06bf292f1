import { expect, onTestFinished, test } from "vitest";
import { createTelegramSimulator } from "../../../simulators/telegram/telegram-simulator.ts";
import { createProvisionSetup } from "./provision-setup.ts";

const TOKEN = "1000:secret-of-the-bot";

async function createBotSetup(env: Record<string, string> = {}) {
  const telegram = createTelegramSimulator({ clock: Date.now, token: TOKEN, chats: [] });
  const TELEGRAM_API_ROOT = await telegram.start();
  onTestFinished(() => telegram.stop());
  const setup = await createProvisionSetup({ env: { TELEGRAM_BOT_TOKEN: TOKEN, TELEGRAM_API_ROOT, ...env } });
  return { setup, telegram };
}

test("provision sets Telegram's webhook and commands once, and again only when a setting changes", async () => {
  const { setup } = await createBotSetup();
  const { failed, detail, steps } = await setup.provisionWithReport();
  expect(failed).toEqual([]);
  expect(detail("telegram")?.split(", ").sort()).toEqual([
    "commands",
    "commands in en",
    "commands in fr",
    "webhook https://crew.example.com/webhooks/telegram",
  ]);
  expect(steps.find(({ name }) => name === "telegram")?.status).toBe("changed");
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
  expect(
    await setup.provisionWithReport(["--yes"], {
      env: { ...setup.env, TELEGRAM_WEBHOOK_SECRET: "another-secret-of-ours" },
    }),
  ).toMatchObject({ changed: 1 });
});

test("a plan reads Telegram's state and changes nothing", async () => {
  const { setup } = await createBotSetup();
  expect((await setup.provisionWithReport(["--dry-run"])).detail("telegram")).toContain(
    "webhook https://crew.example.com",
  );
  expect((await setup.provisionWithReport(["--dry-run"])).detail("telegram")).toContain(
    "webhook https://crew.example.com",
  );
});

test("a bot that Telegram does not know fails only the step telegram", async () => {
  const { setup } = await createBotSetup({ TELEGRAM_BOT_TOKEN: "1001:another" });
  const { exit, failed } = await setup.provisionWithReport();
  expect(exit).toBe(1);
  expect(failed.map(({ name }) => name)).toEqual(["telegram"]);
  expect(failed[0]?.detail).toContain("Check TELEGRAM_BOT_TOKEN");
});
