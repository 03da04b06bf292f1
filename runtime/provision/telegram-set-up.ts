import type { SetUpTelegram } from "../../functions/provision/context.ts";
import { REGISTERED_WEBHOOK_KEY, setUpBot } from "../../functions/telegram/updates/bot-setup-service.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { createLog } from "../../shared/log.ts";
import { noMetrics } from "../../shared/metrics.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { createMemoryStore } from "../../shared/store/memory/memory-store.ts";
import { createTelegramBot } from "../../shared/telegram/create-telegram-bot.ts";
import type { TelegramBot } from "../../shared/telegram/telegram-bot.ts";

interface OutsideDeps {
  fetch: typeof fetch;
  clock: () => number;
  wait: (ms: number) => Promise<void>;
}

/**
 * Runs the runtime's set-up of the bot, with a bot that records its changes and in a plan makes none. The hash of the
 * last registration comes from provision's own file, because the runtime's store is not opened.
 */
export function createTelegramSetUp(
  settings: Settings,
  { fetch, clock, wait }: OutsideDeps,
): SetUpTelegram | undefined {
  const { telegram } = settings;
  if (!telegram) return undefined;
  return async (apply, mark) => {
    const bot = createTelegramBot({ ...telegram, fetch, metrics: noMetrics });
    const changes: string[] = [];
    const countingBot: TelegramBot = {
      ...bot,
      async setCommands(language, commands, scope) {
        changes.push(`commands${language ? ` in ${language}` : ""}`);
        return apply ? bot.setCommands(language, commands, scope) : { kind: "done" };
      },
      async setWebhook(url, secret) {
        changes.push(url === "" ? "remove the webhook (updates are polled)" : `webhook ${url}`);
        return apply ? bot.setWebhook(url, secret) : { kind: "done" };
      },
    };
    const store = createMemoryStore({ clock });
    if (mark !== undefined) await store.commit({ put: [{ key: REGISTERED_WEBHOOK_KEY, value: { mark } }] });
    const failure = await setUpBot({
      settings,
      store,
      telegram: countingBot,
      log: createLog({ level: "error", write: () => {}, clock }),
      wait,
      stopping: new AbortController().signal,
    });
    const [registration] = await store.read<{ mark: string }>([REGISTERED_WEBHOOK_KEY]);
    return { changes, ...omitUndefined({ failed: failure, mark: registration ? registration.value.mark : undefined }) };
  };
}
