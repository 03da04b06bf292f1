import { onTestFinished } from "vitest";
import { createMemoryStore } from "../../../../runtime/stores/sqlite-store.ts";
import { createLog } from "../../../../shared/log.ts";
import { noMetrics } from "../../../../shared/metrics.ts";
import { createTelegramBot } from "../../../../shared/telegram/bot.ts";
import { createTelegramSimulator } from "../../../../simulators/telegram/telegram-simulator.ts";
import { createTestSettings, PLANE_ENV, TELEGRAM_ENV } from "../../../support/settings.ts";

export const POLLING_CHAT = 42;
export const POLLING_USER = 7;

/** Creates the dependencies of polling and of the bot setup, with a simulated Telegram server over HTTP. */
export async function createPollingSetup(env: Record<string, string> = {}) {
  const time = { now: Date.parse("2026-11-21T08:00:00Z") };
  const clock = () => time.now;
  const telegram = createTelegramSimulator({ clock, token: TELEGRAM_ENV.TELEGRAM_BOT_TOKEN, chats: [POLLING_CHAT] });
  const apiRoot = await telegram.start();
  onTestFinished(() => telegram.stop());
  const settings = createTestSettings({ ...PLANE_ENV, ...TELEGRAM_ENV, TELEGRAM_API_ROOT: apiRoot, ...env });
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const lines: Record<string, unknown>[] = [];
  const calledMethods: string[] = [];
  const countingMetrics = {
    ...noMetrics,
    count: (_: string, labels?: Record<string, string>) => void calledMethods.push(labels?.["method"] ?? ""),
  };
  const deps = {
    settings,
    store: createMemoryStore({ clock }),
    telegram: createTelegramBot({ token: TELEGRAM_ENV.TELEGRAM_BOT_TOKEN, apiRoot, fetch, metrics: countingMetrics }),
    log: createLog({ level: "debug", write: (line) => lines.push(JSON.parse(line)), clock }),
    newId: () => "id",
    wait: async () => {},
    stopping: stop.signal,
    notify: () => {},
  };
  return { telegram, deps, time, lines, calledMethods, stop: () => stop.abort() };
}
