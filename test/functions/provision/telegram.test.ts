import { expect, onTestFinished, test } from "vitest";
import { createTelegram } from "../../../demo/telegram/server.ts";
import { rig } from "./rig.ts";

const TOKEN = "1000:secret-of-the-bot";

async function withBot(env: Record<string, string> = {}) {
  const telegram = createTelegram({ clock: Date.now, token: TOKEN, chats: [] });
  const TELEGRAM_API_ROOT = await telegram.start();
  onTestFinished(() => telegram.stop());
  const crew = await rig({ env: { TELEGRAM_BOT_TOKEN: TOKEN, TELEGRAM_API_ROOT, ...env } });
  return { crew, telegram };
}

test("Telegram's webhook and commands are set once, and not touched again", async () => {
  const { crew } = await withBot();
  const { failed, detail, steps } = await crew.report();
  expect(failed).toEqual([]);
  expect(detail("telegram")?.split(", ").sort()).toEqual([
    "commands",
    "commands in en",
    "commands in fr",
    "webhook https://crew.example.com/webhooks/telegram",
  ]);
  expect(steps.find(({ name }) => name === "telegram")?.status).toBe("changed");
  expect(await crew.report()).toMatchObject({ changed: 0 });
  expect(
    await crew.report(["--yes"], { env: { ...crew.env, TELEGRAM_WEBHOOK_SECRET: "another-secret-of-ours" } }),
  ).toMatchObject({ changed: 1 });
});

test("a plan asks Telegram and sets nothing", async () => {
  const { crew } = await withBot();
  expect((await crew.report(["--dry-run"])).detail("telegram")).toContain("webhook https://crew.example.com");
  expect((await crew.report(["--dry-run"])).detail("telegram")).toContain("webhook https://crew.example.com");
});

test("a bot that Telegram does not know fails its own step and no other", async () => {
  const { crew } = await withBot({ TELEGRAM_BOT_TOKEN: "1001:another" });
  const { exit, failed } = await crew.report();
  expect(exit).toBe(1);
  expect(failed.map(({ name }) => name)).toEqual(["telegram"]);
  expect(failed[0]?.detail).toContain("Check TELEGRAM_BOT_TOKEN");
});
