import { expect, onTestFinished, test } from "vitest";
import { createTelegramSimulator } from "../../../simulators/telegram/telegram-simulator.ts";
import { createProvisionSetup } from "./provision-setup.ts";

const TOKEN = "1000:secret-of-the-bot";

async function createBotSetup(env: Record<string, string> = {}) {
  const telegram = createTelegramSimulator({ clock: Date.now, token: TOKEN, chats: [] });
  const TELEGRAM_API_ROOT = await telegram.start();
  onTestFinished(() => telegram.stop());
  const crew = await createProvisionSetup({ env: { TELEGRAM_BOT_TOKEN: TOKEN, TELEGRAM_API_ROOT, ...env } });
  return { crew, telegram };
}

test("provision sets Telegram's webhook and commands once, and again only when a setting changes", async () => {
  const { crew } = await createBotSetup();
  const { failed, detail, steps } = await crew.provisionWithReport();
  expect(failed).toEqual([]);
  expect(detail("telegram")?.split(", ").sort()).toEqual([
    "commands",
    "commands in en",
    "commands in fr",
    "webhook https://crew.example.com/webhooks/telegram",
  ]);
  expect(steps.find(({ name }) => name === "telegram")?.status).toBe("changed");
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0 });
  expect(
    await crew.provisionWithReport(["--yes"], {
      env: { ...crew.env, TELEGRAM_WEBHOOK_SECRET: "another-secret-of-ours" },
    }),
  ).toMatchObject({ changed: 1 });
});

test("a plan reads Telegram's state and changes nothing", async () => {
  const { crew } = await createBotSetup();
  expect((await crew.provisionWithReport(["--dry-run"])).detail("telegram")).toContain(
    "webhook https://crew.example.com",
  );
  expect((await crew.provisionWithReport(["--dry-run"])).detail("telegram")).toContain(
    "webhook https://crew.example.com",
  );
});

test("a bot that Telegram does not know fails only the step telegram", async () => {
  const { crew } = await createBotSetup({ TELEGRAM_BOT_TOKEN: "1001:another" });
  const { exit, failed } = await crew.provisionWithReport();
  expect(exit).toBe(1);
  expect(failed.map(({ name }) => name)).toEqual(["telegram"]);
  expect(failed[0]?.detail).toContain("Check TELEGRAM_BOT_TOKEN");
});
