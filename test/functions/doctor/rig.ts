import { createServer, type Server } from "node:http";
import { onTestFinished } from "vitest";
import { createPlane } from "../../../demo/plane/plane.ts";
import type { PlaneOptions } from "../../../demo/plane/types.ts";
import { createTelegram } from "../../../demo/telegram/server.ts";
import { type DoctorDeps, examine, type Findings } from "../../../functions/doctor/examine.ts";
import type { SkillProbe } from "../../../functions/doctor/openclaw-skill.ts";
import { parse } from "../../shared/config/given.ts";

export const PASSWORD = "Marked-secret-pass-1";
export const TARGET = "https://crew.example.test/webhooks/plane";
export const BOT = "1000:marked-secret-bot";

/** A machine without OpenClaw. */
export const NO_OPENCLAW: SkillProbe = {
  info: async () => undefined,
  mcp: async () => undefined,
  file: (path = "/home/ada/.openclaw/skills/plane-bridge/SKILL.md") => ({ path, home: false, text: undefined }),
  shipped: "",
};

/** A set-up in which everything is well, before a test breaks something; real HTTP throughout, but no runtime. */
export async function createSetUp(options: PlaneOptions = {}) {
  const plane = createPlane(options);
  const url = await plane.start();
  onTestFinished(() => plane.stop());
  const ada = plane.addUser({ name: "Ada", password: PASSWORD });
  const imhotep = plane.addUser({ name: "Imhotep" });
  plane.addProject({ name: "Onboarding", identifier: "ONB" });
  const webhook = plane.addWebhook(TARGET);
  const telegram = createTelegram({ clock: Date.now, token: BOT, chats: [42, -7] });
  const apiRoot = await telegram.start();
  onTestFinished(() => telegram.stop());
  const env: Record<string, string> = {
    PLANE_URL: url,
    PLANE_API_KEY: plane.apiKey(ada),
    PLANE_API_KEY_IMHOTEP: plane.apiKey(imhotep),
    PLANE_WORKSPACE: "javisi",
    PLANE_WEBHOOK_SECRET: webhook.secret,
    AGENT_TOKEN_IMHOTEP: "marked-secret-bridge-token",
    ADMIN_TOKEN: "marked-secret-admin-token",
    TICK_TOKEN: "marked-secret-tick-token",
    PORT: "0",
    STORE_URL: "memory:",
    TELEGRAM_BOT_TOKEN: BOT,
    TELEGRAM_CHAT_ID: "42",
    TELEGRAM_ALLOWED_USERS: "7",
    TELEGRAM_API_ROOT: apiRoot,
    GROUNDCREW_CONFIG: "crew.json",
  };
  const config = { agents: [{ name: "Imhotep", email: imhotep.email }] as Record<string, unknown>[] };
  const extra: Partial<DoctorDeps> = { account: { email: ada.email, password: PASSWORD }, webhookTarget: TARGET };

  async function look(): Promise<Findings> {
    return examine({
      parsed: parse(env, { "crew.json": JSON.stringify(config) }),
      seeStore: async () => ({ kind: "file", folder: "data", mode: 0o700, file: true, writable: true }),
      skill: NO_OPENCLAW,
      files: [],
      fetch: (input, init) => fetch(input, init),
      clock: Date.now,
      ...extra,
    });
  }

  return { plane, ada, imhotep, webhook, telegram, env, config, extra, look };
}

/** The one finding about something, as `status: detail`; several with a line end between. */
export function about({ checks }: Findings, name: string): string {
  const found = checks.filter((check) => check.name === name);
  return found.map(({ status, detail }) => `${status}: ${detail}`).join("\n");
}

/** Answers every request the same. */
export async function answering(status: number, body: string): Promise<string> {
  const server: Server = createServer((_, response) => response.writeHead(status).end(body));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
}
