import { describe, expect, it } from "vitest";
import { createDoctorSetup, DOCTOR_BOT_TOKEN, getFindings, startFixedResponseServer } from "./doctor-setup.ts";

describe("The doctor looks at Telegram", () => {
  it("and says whose bot it is and that its updates are polled", async () => {
    const findings = await (await createDoctorSetup()).examine();
    expect(getFindings(findings, "telegram")).toBe("ok: @groundcrew_bot");
    expect(getFindings(findings, "telegram webhook")).toBe("ok: none, updates are polled");
  });

  it("and says which chat it sees", async () => {
    const { examine: look, env } = await createDoctorSetup();
    expect(getFindings(await look(), "telegram chat")).toBe("ok: 42, private");
    env["TELEGRAM_CHAT_ID"] = "-7";
    expect(getFindings(await look(), "telegram chat")).toBe('ok: -7, supergroup "The crew"');
  });

  it.each([
    ["43", "That person must write to @groundcrew_bot first"],
    ["-1001234567890", "Add @groundcrew_bot to the group or channel"],
    ["@elsewhere", "Add @groundcrew_bot to the group or channel"],
  ])("and says that the bot does not see the chat %s, and what to do", async (chat, todo) => {
    const { examine: look, env } = await createDoctorSetup();
    env["TELEGRAM_CHAT_ID"] = chat;
    const findings = await look();
    expect(getFindings(findings, "telegram chat")).toBe(
      `failed: @groundcrew_bot does not see TELEGRAM_CHAT_ID ${chat}: 400 Bad Request: chat not found`,
    );
    expect(findings.checks.find(({ name }) => name === "telegram chat")?.todo).toContain(todo);
    expect(findings.ok).toBe(false);
  });

  it("and says that the token is wrong, without it", async () => {
    const { examine: look, env } = await createDoctorSetup();
    env["TELEGRAM_BOT_TOKEN"] = "1000:marked-secret-wrong";
    const findings = await look();
    expect(getFindings(findings, "telegram")).toBe("failed: 401 Unauthorized");
    expect(JSON.stringify(findings)).not.toContain("marked-secret");
  });

  it("and says that another program has set a webhook where updates are to be polled, without its path", async () => {
    const { examine: look, env } = await createDoctorSetup();
    const other = await startFixedResponseServer(200, "{}");
    await fetch(`${env["TELEGRAM_API_ROOT"]}/bot${DOCTOR_BOT_TOKEN}/setWebhook`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ url: `${other}/secret-path` }),
    });
    const findings = await look();
    expect(getFindings(findings, "telegram webhook")).toBe(
      `warning: the bot is to be polled, but has a webhook at ${other}: while it is there nobody can poll`,
    );
    expect(JSON.stringify(findings)).toContain("another program uses this bot");
    expect(JSON.stringify(findings)).not.toContain("secret-path");
  });

  it("and says that the webhook is gone or elsewhere where one is to be", async () => {
    const { examine: look, env } = await createDoctorSetup();
    env["PUBLIC_URL"] = "https://crew.example.invalid";
    const findings = await look();
    expect(getFindings(findings, "telegram webhook")).toMatch(/^warning: the bot has none/);
  });

  it("and says what Telegram's last trouble with the webhook was", async () => {
    const { examine: look, env, telegram } = await createDoctorSetup();
    const url = await startFixedResponseServer(500, "");
    env["PUBLIC_URL"] = url;
    await fetch(`${env["TELEGRAM_API_ROOT"]}/bot${DOCTOR_BOT_TOKEN}/setWebhook`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ url: `${url}/webhooks/telegram` }),
    });
    await telegram.postAsUser(42, 7, "hello");
    expect(getFindings(await look(), "telegram webhook")).toMatch(/^warning: .*last trouble .*500/);
  });

  it("and says that the bot listens to nobody", async () => {
    const { examine: look, env } = await createDoctorSetup();
    delete env["TELEGRAM_ALLOWED_USERS"];
    expect(getFindings(await look(), "telegram users")).toBe("warning: the bot listens to nobody");
  });
});
