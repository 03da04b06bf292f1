import { expect, test } from "vitest";
import { createDoctorSetup, DOCTOR_BOT_TOKEN, getFindings, startFixedResponseServer } from "./doctor-setup.ts";

test("The doctor's check of Telegram names the bot and reports that updates are polled", async () => {
  const findings = await (await createDoctorSetup()).examine();
  expect(getFindings(findings, "telegram")).toBe("ok: @groundcrew_bot");
  expect(getFindings(findings, "telegram webhook")).toBe("ok: none: updates are polled");
});

test("The doctor's check of Telegram names the chat that the bot can see", async () => {
  const { examine, env } = await createDoctorSetup();
  expect(getFindings(await examine(), "telegram chat")).toBe("ok: 42, private");
  env["TELEGRAM_CHAT_ID"] = "-7";
  expect(getFindings(await examine(), "telegram chat")).toBe('ok: -7, supergroup "The crew"');
});

test.each([
  ["43", "They must write /start to @groundcrew_bot first"],
  ["-1001234567890", "Add @groundcrew_bot to the group or channel"],
  ["@elsewhere", "Add @groundcrew_bot to the group or channel"],
])(
  "The doctor's check of Telegram fails when the bot cannot see the chat %s, and says what to do",
  async (chat, todo) => {
    const { examine, env } = await createDoctorSetup();
    env["TELEGRAM_CHAT_ID"] = chat;
    const findings = await examine();
    expect(getFindings(findings, "telegram chat")).toBe(
      `failed: @groundcrew_bot cannot see the chat TELEGRAM_CHAT_ID=${chat}: 400 Bad Request: chat not found`,
    );
    expect(findings.checks.find(({ name }) => name === "telegram chat")?.todo).toContain(todo);
    expect(findings.ok).toBe(false);
  },
);

test("The doctor's check of Telegram fails when the token is wrong, without showing it", async () => {
  const { examine, env } = await createDoctorSetup();
  env["TELEGRAM_BOT_TOKEN"] = "1000:marked-secret-wrong";
  const findings = await examine();
  expect(getFindings(findings, "telegram")).toBe("failed: 401 Unauthorized");
  expect(JSON.stringify(findings)).not.toContain("marked-secret");
});

test("The doctor's check of Telegram warns when another program has set a webhook although updates are to be polled, without showing its path", async () => {
  const { examine, env } = await createDoctorSetup();
  const other = await startFixedResponseServer(200, "{}");
  await fetch(`${env["TELEGRAM_API_ROOT"]}/bot${DOCTOR_BOT_TOKEN}/setWebhook`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ url: `${other}/secret-path` }),
  });
  const findings = await examine();
  expect(getFindings(findings, "telegram webhook")).toBe(
    `warning: updates are to be polled, but the bot has a webhook at ${other}, which prevents polling`,
  );
  expect(JSON.stringify(findings)).toContain("another program uses this bot");
  expect(JSON.stringify(findings)).not.toContain("secret-path");
});

test("The doctor's check of Telegram warns when the webhook that should be registered is missing", async () => {
  const { examine, env } = await createDoctorSetup();
  env["PUBLIC_URL"] = "https://crew.example.invalid";
  const findings = await examine();
  expect(getFindings(findings, "telegram webhook")).toMatch(/^warning: the bot has no webhook/);
});

test("The doctor's check of Telegram warns with Telegram's last error of the webhook", async () => {
  const { examine, env, telegram } = await createDoctorSetup();
  const url = await startFixedResponseServer(500, "");
  env["PUBLIC_URL"] = url;
  await fetch(`${env["TELEGRAM_API_ROOT"]}/bot${DOCTOR_BOT_TOKEN}/setWebhook`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ url: `${url}/webhooks/telegram` }),
  });
  await telegram.postAsUser(42, 7, "hello");
  expect(getFindings(await examine(), "telegram webhook")).toMatch(/^warning: .*last error: .*500/);
});

test("The doctor's check of Telegram warns when the bot accepts no user", async () => {
  const { examine, env } = await createDoctorSetup();
  delete env["TELEGRAM_ALLOWED_USERS"];
  expect(getFindings(await examine(), "telegram users")).toBe("warning: the bot accepts no user");
});
