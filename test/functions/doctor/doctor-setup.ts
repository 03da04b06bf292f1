import { onTestFinished } from "vitest";
import type { DoctorFindings } from "../../../functions/doctor/findings.ts";
import type { SkillReader } from "../../../functions/doctor/openclaw-skill.ts";
import { type DoctorDeps, runDoctorChecks } from "../../../functions/doctor/run-checks.ts";
import { createPlaneSimulator } from "../../../simulators/plane/create-plane-simulator.ts";
import type { PlaneSimulatorOptions } from "../../../simulators/plane/types.ts";
import { createTelegramSimulator } from "../../../simulators/telegram/telegram-simulator.ts";
import { parseTestSettings } from "../../support/settings.ts";

export const ACCOUNT_PASSWORD = "Marked-secret-pass-1";
export const WEBHOOK_TARGET = "https://crew.example.test/webhooks/plane";
export const DOCTOR_BOT_TOKEN = "1000:marked-secret-bot";

/** A machine without OpenClaw. */
export const NO_OPENCLAW: SkillReader = {
  readInfo: async () => undefined,
  readVersion: async () => undefined,
  readTools: async () => undefined,
  readMcpStatus: async () => undefined,
  readFile: (path = "/home/ada/.openclaw/skills/plane-bridge/SKILL.md") => ({ path, hasHome: false, text: undefined }),
  shippedText: "",
};

/** A healthy set-up for a test to break; it uses real HTTP throughout, but has no runtime. */
export async function createDoctorSetup(options: PlaneSimulatorOptions = {}) {
  const plane = createPlaneSimulator(options);
  const url = await plane.start();
  onTestFinished(() => plane.stop());
  const ada = plane.addUser({ name: "Ada", password: ACCOUNT_PASSWORD });
  const imhotep = plane.addUser({ name: "Imhotep" });
  plane.addProject({ name: "Onboarding", identifier: "ONB" });
  const webhook = plane.addWebhook(WEBHOOK_TARGET);
  const telegram = createTelegramSimulator({ clock: Date.now, token: DOCTOR_BOT_TOKEN, chats: [42, -7] });
  const apiRoot = await telegram.start();
  onTestFinished(() => telegram.stop());
  const env: Record<string, string> = {
    PLANE_URL: url,
    PLANE_API_KEY: plane.createApiKey(ada),
    PLANE_API_KEY_IMHOTEP: plane.createApiKey(imhotep),
    PLANE_WORKSPACE: "javisi",
    PLANE_WEBHOOK_SECRET: webhook.secret,
    AGENT_TOKEN_IMHOTEP: "marked-secret-bridge-token",
    ADMIN_TOKEN: "marked-secret-admin-token",
    TICK_TOKEN: "marked-secret-tick-token",
    PORT: "0",
    STORE_URL: "memory:",
    TELEGRAM_BOT_TOKEN: DOCTOR_BOT_TOKEN,
    TELEGRAM_CHAT_ID: "42",
    TELEGRAM_ALLOWED_USERS: "7",
    TELEGRAM_API_ROOT: apiRoot,
    GROUNDCREW_CONFIG: "crew.json",
  };
  const config = { agents: [{ name: "Imhotep", email: imhotep.email }] as Record<string, unknown>[] };
  const extra: Partial<DoctorDeps> = {
    account: { email: ada.email, password: ACCOUNT_PASSWORD },
    webhookTarget: WEBHOOK_TARGET,
  };

  async function examine(): Promise<DoctorFindings> {
    return runDoctorChecks({
      parsed: parseTestSettings(env, { "crew.json": JSON.stringify(config) }),
      probeBackups: () => ({ problem: "not configured" }),
      probeStore: async () => ({ kind: "file", folder: "data", mode: 0o700, file: true, writable: true }),
      skill: NO_OPENCLAW,
      files: [],
      fetch: (input, init) => fetch(input, init),
      clock: Date.now,
      ...extra,
    });
  }

  return { plane, ada, imhotep, webhook, telegram, env, config, extra, examine };
}

/** The findings of the check with this name, one line each: `status: detail`. */
export function getFindings({ checks }: DoctorFindings, name: string): string {
  const found = checks.filter((check) => check.name === name);
  return found.map(({ status, detail }) => `${status}: ${detail}`).join("\n");
}
