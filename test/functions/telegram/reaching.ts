import { onTestFinished } from "vitest";
import { createTelegram } from "../../../demo/telegram/server.ts";
import { createLog } from "../../../shared/log.ts";
import { noMetrics } from "../../../shared/metrics.ts";
import { memoryStore } from "../../../shared/store/memory.ts";
import { createBot } from "../../../shared/telegram/bot.ts";
import { PLANE, settingsOf, TELEGRAM } from "../../shared/config/given.ts";

export const CHAT = 42;
export const ADA = 7;

/** What polling and the set-up touch, against the in-memory Telegram over HTTP; time is a number. */
export async function createReach(env: Record<string, string> = {}) {
  const time = { now: Date.parse("2026-11-21T08:00:00Z") };
  const clock = () => time.now;
  const telegram = createTelegram({ clock, token: TELEGRAM.TELEGRAM_BOT_TOKEN, chats: [CHAT] });
  const apiRoot = await telegram.start();
  onTestFinished(() => telegram.stop());
  const settings = settingsOf({ ...PLANE, ...TELEGRAM, TELEGRAM_API_ROOT: apiRoot, ...env });
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const lines: Record<string, unknown>[] = [];
  const asked: string[] = [];
  const counted = {
    ...noMetrics,
    count: (_: string, labels?: Record<string, string>) => void asked.push(labels?.["method"] ?? ""),
  };
  const deps = {
    settings,
    store: memoryStore({ clock }),
    telegram: createBot({ token: TELEGRAM.TELEGRAM_BOT_TOKEN, apiRoot, fetch, metrics: counted }),
    log: createLog({ level: "debug", write: (line) => lines.push(JSON.parse(line)), clock }),
    newId: () => "id",
    wait: async () => {},
    stopping: stop.signal,
    kick: () => {},
  };
  return { telegram, deps, time, lines, asked, stop: () => stop.abort() };
}
