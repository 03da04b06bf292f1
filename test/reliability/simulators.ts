import { onTestFinished } from "vitest";
import { toSettingName } from "../../shared/config/settings-file.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { createPlaneSimulator } from "../../simulators/plane/create-plane-simulator.ts";
import type { Item, PlaneVersion, Project } from "../../simulators/plane/types.ts";
import type { TelegramLimits } from "../../simulators/telegram/rate-limits.ts";
import { createTelegramSimulator, type TelegramSimulator } from "../../simulators/telegram/telegram-simulator.ts";
import { findZoneWithHour } from "../support/time-zones.ts";
import { signBody } from "../support/webhook-signature.ts";
import { UNLIMITED } from "./test-manifest.ts";

export const SIMULATED_CHAT = 4711;
export const RELIABILITY_ADMIN_TOKEN = "admin-token-of-the-reliability-tests";
const RELIABILITY_TICK_TOKEN = "tick-token-of-the-reliability-tests";

/** An agent's bridge token in these tests. */
export const toAgentToken = (agent: string): string => `bridge-token-of-${agent.toLowerCase()}-in-these-tests`;

interface SimulatorsOptions {
  clock?: () => number;
  version?: PlaneVersion;
  /** Requests per minute that Plane allows and Groundcrew respects. Default: practically unlimited. */
  rateLimit?: number;
  chats?: readonly number[];
  telegram?: Partial<TelegramLimits>;
  random?: () => number;
  /** Takes what ends them. Default: they end with the test. */
  onEnd?: (end: () => Promise<void>) => void;
}

/** Limits with which the simulated Telegram never refuses, for tests of other subjects. */
export const NO_TELEGRAM_LIMITS: Partial<TelegramLimits> = {
  perSecondInChat: UNLIMITED,
  perMinuteInGroup: UNLIMITED,
  perSecond: UNLIMITED,
};

/** Starts the simulated Plane and Telegram, which record every request that they receive. */
export async function startSimulators(options: SimulatorsOptions = {}) {
  const { clock = Date.now, rateLimit = UNLIMITED, chats = [SIMULATED_CHAT], version, random } = options;
  const { onEnd = onTestFinished } = options;
  const plane = createPlaneSimulator({ clock, rateLimit, ...omitUndefined({ version, random }) });
  const telegram = createTelegramSimulator({
    clock,
    token: `1000:${"reliability".repeat(3)}`,
    chats,
    limits: { tolerance: 0, ...options.telegram },
  });
  const [url, apiRoot] = await Promise.all([plane.start(), telegram.start()]);
  onEnd(async () => {
    await Promise.all([plane.stop(), telegram.stop()]);
  });
  const ada = plane.addUser({ name: "Ada" });
  const apiKey = plane.createApiKey(ada);
  const webhook = plane.addWebhook("http://127.0.0.1:9/webhooks/plane");

  return {
    plane,
    telegram,
    ada,
    secret: webhook.secret,
    /** The settings with which the product uses both. */
    env: {
      PLANE_URL: url,
      PLANE_API_KEY: apiKey,
      PLANE_WORKSPACE: plane.workspace.slug,
      PLANE_WEBHOOK_SECRET: webhook.secret,
      PLANE_RATE_LIMIT: String(rateLimit),
      TELEGRAM_BOT_TOKEN: telegram.token,
      TELEGRAM_CHAT_ID: String(SIMULATED_CHAT),
      TELEGRAM_API_ROOT: apiRoot,
      ADMIN_TOKEN: RELIABILITY_ADMIN_TOKEN,
      TICK_TOKEN: RELIABILITY_TICK_TOKEN,
      // Once a year, because tests poll explicitly.
      POLL_CRON: "0 0 1 1 *",
      // Noon, so that a test of the machine's clock meets neither the daily digest nor midnight.
      ...(options.clock ? {} : { TIMEZONE: findZoneWithHour(12) }),
    } as Record<string, string>,
    addProject: (identifier = "ONB", name = "Onboarding"): Project => plane.addProject({ name, identifier }),
    addItems: (project: Project, count: number, name = "Task"): Item[] =>
      Array.from({ length: count }, (_, i) => plane.addItem(project, { name: `${name} ${i + 1}` })),
    /** Adds agents; returns their users, their part of the settings file, and the settings of their tokens and keys. */
    addAgents(names: readonly string[]) {
      const agents = names.map((name) => ({ name, email: `${name.toLowerCase()}@agents.example` }));
      const users = agents.map((agent) => plane.addUser(agent));
      const toSettings = (prefix: string, values: string[]): Record<string, string> =>
        Object.fromEntries(names.map((name, i) => [`${prefix}_${toSettingName(name)}`, values[i] ?? ""]));
      const tokens = toSettings("AGENT_TOKEN", names.map(toAgentToken));
      return {
        agents,
        users,
        tokens,
        keys: toSettings(
          "PLANE_API_KEY",
          users.map((user) => plane.createApiKey(user)),
        ),
      };
    },
    /** Runs Plane's worker and returns the bodies of its webhooks, which are not sent otherwise. */
    takeWebhookBodies(): string[] {
      plane.runWorker();
      const bodies = plane.deliveries.pending.map(({ body }) => body);
      plane.deliveries.dropAll();
      return bodies;
    },
    /** Creates a delivery's headers as Plane does, with a new delivery id each time. */
    createDeliveryHeaders: (body: string, signature = signBody(body, webhook.secret)) => ({
      "content-type": "application/json",
      "user-agent": "Autopilot",
      "x-plane-delivery": crypto.randomUUID(),
      "x-plane-event": "issue",
      "x-plane-signature": signature,
    }),
  };
}

export const toItemKey = (project: Project, item: Item): string => `${project.identifier}-${item.sequence_id}`;

/** The texts of the bot's messages in the chat that contain this part. */
export function findBotTexts(telegram: TelegramSimulator, part: string): string[] {
  return telegram
    .chat(SIMULATED_CHAT)
    .messages.filter(({ text, from }) => from === undefined && text.includes(part))
    .map(({ text }) => text);
}
