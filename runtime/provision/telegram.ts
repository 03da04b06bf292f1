import type { TelegramSetUp } from "../../functions/provision/context.ts";
import { REGISTERED, setUpOnce } from "../../functions/telegram/set-up.ts";
import type { Settings } from "../../shared/config.ts";
import { createLog } from "../../shared/log.ts";
import { noMetrics } from "../../shared/metrics.ts";
import { memoryStore } from "../../shared/store/memory.ts";
import { type Bot, createBot } from "../../shared/telegram/bot.ts";

interface Outside {
  fetch: typeof fetch;
  clock: () => number;
  wait: (ms: number) => Promise<void>;
}

/**
 * What the runtime does when it starts, with a bot that counts its changes and, for a plan, makes none. What Telegram
 * was told last is remembered by provision itself: the runtime's store is not opened.
 */
export function telegramSetUp(settings: Settings, { fetch, clock, wait }: Outside): TelegramSetUp | undefined {
  const { telegram } = settings;
  if (!telegram) return undefined;
  return async (apply, mark) => {
    const bot = createBot({ ...telegram, fetch, metrics: noMetrics });
    const changes: string[] = [];
    const counted: Bot = {
      ...bot,
      async setCommands(language, commands) {
        changes.push(`commands${language ? ` in ${language}` : ""}`);
        return apply ? bot.setCommands(language, commands) : { kind: "done" };
      },
      async setWebhook(url, secret) {
        changes.push(url === "" ? "take the webhook away (updates are polled)" : `webhook ${url}`);
        return apply ? bot.setWebhook(url, secret) : { kind: "done" };
      },
    };
    const store = memoryStore({ clock });
    if (mark !== undefined) await store.commit({ put: [{ key: REGISTERED, value: { mark } }] });
    const failed = await setUpOnce({
      settings,
      store,
      telegram: counted,
      log: createLog({ level: "error", write: () => {}, clock }),
      wait,
      stopping: new AbortController().signal,
    });
    const [now] = await store.read<{ mark: string }>([REGISTERED]);
    return { changes, ...(failed !== undefined && { failed }), ...(now && { mark: now.value.mark }) };
  };
}
