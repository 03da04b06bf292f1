import { expect, vi } from "vitest";
import { z } from "zod";
import { pickSize } from "../reliability/random-source.ts";
import {
  findBotTexts,
  NO_TELEGRAM_LIMITS,
  RELIABILITY_ADMIN_TOKEN,
  SIMULATED_CHAT,
  startSimulators,
} from "../reliability/simulators.ts";
import { findZoneWithHour } from "../support/time-zones.ts";
import type { OpenHost } from "./hosts.ts";

const TELEGRAM_SECRET = "telegram-secret-of-these-tests";
/** The full run has hundreds of jobs to work off. */
const LIMIT = { timeout: pickSize(300_000, 40_000), interval: 100 };

export type PortableTeam = Awaited<ReturnType<typeof startPortableTeam>>;

/**
 * Starts the product on a host, with a simulated Plane and Telegram, one person, two agents, tasks of nobody, and shared
 * tasks of both agents.
 */
export async function startPortableTeam(openHost: OpenHost, size: { tasks: number; shared: number }) {
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const { plane, telegram } = simulators;
  const { agents, users, tokens, keys } = simulators.addAgents(["Thot", "Ptah"]);
  const project = simulators.addProject();
  const assignees = users.map(({ id }) => id);
  const items = simulators.addItems(project, size.tasks);
  const sharedItems = Array.from({ length: size.shared }, (_, i) =>
    plane.addItem(project, { name: `Shared ${i + 1}`, state: "Todo", assignees }),
  );
  plane.addItem(project, { name: "Left open" });
  simulators.takeWebhookBodies();
  const env = {
    ...{ ...simulators.env, PUBLIC_URL: "https://crew.example.com", ALLOWED_HOSTS: "127.0.0.1,localhost" },
    // The hour of the daily digest.
    TIMEZONE: findZoneWithHour(8),
    ...{ TELEGRAM_MODE: "webhook", TELEGRAM_WEBHOOK_SECRET: TELEGRAM_SECRET },
    TELEGRAM_ALLOWED_USERS: String(SIMULATED_CHAT),
    ...{ ...tokens, ...keys },
  };
  const host = await openHost(env, { agents });
  const request = (path: string, init: RequestInit = {}) =>
    fetch(host.url + path, {
      ...init,
      headers: { authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}`, ...init.headers },
    });

  return {
    ...simulators,
    host,
    project,
    items,
    sharedItems,
    request,
    /** Sends a webhook, which must be answered with 200. */
    async sendWebhook(body: string) {
      const headers = simulators.createDeliveryHeaders(body);
      const answer = await request("/webhooks/plane", { method: "POST", headers, body });
      expect([answer.status, await answer.text()]).toEqual([200, expect.any(String)]);
    },
    /** Runs a tick until its end. */
    async runTick(name: string) {
      const answer = await request(`/ticks/${name}`, { method: "POST" });
      expect([answer.status, await answer.text()]).toEqual([200, expect.any(String)]);
    },
    /** Resolves when no job is left, or only in these queues. */
    waitUntilIdle: (except: readonly string[] = []) =>
      vi.waitFor(async () => {
        const health = z.object({ queues: z.record(z.string(), z.object({ pending: z.number() })) });
        const { queues } = health.parse(await (await request("/health")).json());
        const waiting = Object.entries(queues).filter(([queue, { pending }]) => pending > 0 && !except.includes(queue));
        expect(waiting).toEqual([]);
      }, LIMIT),
    /** Resolves when this holds. */
    waitFor: (check: () => Promise<void> | void) => vi.waitFor(check, LIMIT),
    /** Resolves with the bot's messages that contain this part, once there is one. */
    waitForTexts: (part: string) =>
      vi.waitFor(() => {
        const texts = findBotTexts(telegram, part);
        expect(texts).not.toEqual([]);
        return texts;
      }, LIMIT),
    /** Presses the button with this label under the message that contains this part, and delivers the update twice, as Telegram may. */
    async pressButton(part: string, label: string) {
      const message = telegram.chat(SIMULATED_CHAT).messages.find(({ text }) => text.includes(part));
      const button = message?.buttons.flat().find(({ text }) => text.includes(label));
      const data = button?.callback_data ?? "";
      const { update } = await telegram.press(SIMULATED_CHAT, SIMULATED_CHAT, message?.id ?? 0, data);
      for (let i = 0; i < 2; i += 1) {
        const headers = { "content-type": "application/json", "x-telegram-bot-api-secret-token": TELEGRAM_SECRET };
        const body = JSON.stringify(update);
        expect((await request("/webhooks/telegram", { method: "POST", headers, body })).status).toBe(200);
      }
    },
  };
}
