import type { Deps, Service } from "../../../shared/app/deps.ts";
import { getErrorMessage } from "../../../shared/errors.ts";
import { sha256Hex } from "../../../shared/hashing/sha256-hex.ts";
import { resolveLocale } from "../../../shared/i18n/locale.ts";
import type { BotFailure, ChatId, TelegramBot } from "../../../shared/telegram/telegram-bot.ts";
import { ALLOWED_UPDATES } from "../../../shared/telegram/updates.ts";
import { getWebhookSecrets } from "../../../shared/telegram/webhook-secrets.ts";
import { MINUTE, type Ms } from "../../../shared/time.ts";
import { COMMAND_SCOPES, type CommandMenu, createCommandMenu, MENU_LANGUAGES } from "./command-menu.ts";

/** Interval for retries of the setup: 1 minute, so that a fixed setting soon takes effect. */
const RETRY_INTERVAL: Ms = MINUTE;
/** Holds a hash of the webhook registered last, because Telegram does not return a webhook's secret. */
export const REGISTERED_WEBHOOK_KEY = "telegram-registered";

type BotSetupDeps = Pick<Deps, "settings" | "store" | "telegram" | "log" | "wait" | "stopping">;

/** Makes the bot's webhook and command menu match the settings. Retries until it succeeds. */
export const botSetupService: Service = {
  name: "telegram-set-up",
  async run(deps) {
    while (!deps.stopping.aborted) {
      const problem = await setUpBot(deps).catch((thrown: unknown) => getErrorMessage(thrown));
      if (problem === undefined) return;
      deps.log.warn("telegram bot setup failed, retrying", { reason: problem });
      await deps.wait(RETRY_INTERVAL, deps.stopping);
    }
  },
};

/** Returns the first problem; undefined on success. */
export async function setUpBot(deps: BotSetupDeps): Promise<string | undefined> {
  const { telegram: bot, settings } = deps;
  if (!bot || !settings.telegram) return undefined;
  // Without the webhook no update arrives, so it is set even if Telegram refuses the menu.
  const problems: (string | undefined)[] = [];
  const scopes = COMMAND_SCOPES.filter((scope) => scope === "default" || isPrivateChat(settings.telegram?.chat));
  for (const scope of scopes)
    for (const language of MENU_LANGUAGES) {
      const commands = createCommandMenu(scope, resolveLocale(settings.locale, language));
      problems.push(await updateMenu(bot, { scope, language, commands }));
    }
  problems.push(await updateWebhook(deps, bot));
  return problems.find((reason) => reason !== undefined);
}

/** Ids of private chats are positive. In another chat the bot reads nobody's private messages. */
function isPrivateChat(chat: ChatId | undefined): boolean {
  return typeof chat === "number" && chat > 0;
}

async function updateMenu(
  bot: TelegramBot,
  { scope, language, commands: wanted }: CommandMenu,
): Promise<string | undefined> {
  const current = await bot.getCommands(language, scope);
  if (current.kind !== "commands") return formatFailureReason(current);
  if (JSON.stringify(current.commands) === JSON.stringify(wanted)) return undefined;
  const outcome = await bot.setCommands(language, wanted, scope);
  return outcome.kind === "done" ? undefined : formatFailureReason(outcome);
}

async function updateWebhook({ settings, store, log }: BotSetupDeps, bot: TelegramBot): Promise<string | undefined> {
  const { telegram, publicUrl } = settings;
  if (!telegram) return undefined;
  const [secret = ""] = await getWebhookSecrets(telegram);
  const url = telegram.mode === "webhook" && publicUrl ? `${publicUrl}/webhooks/telegram` : "";
  const current = await bot.getWebhook();
  if (current.kind !== "webhook") return formatFailureReason(current);
  if (current.lastError) log.warn("telegram reports failed webhook deliveries", { reason: current.lastError });
  const fingerprint = await sha256Hex(`${url} ${secret}`);
  const [registered] = await store.read<{ mark: string }>([REGISTERED_WEBHOOK_KEY]);
  const isRegistered = current.url === url && (url === "" || registered?.value.mark === fingerprint);
  const hasAllowedUpdates = ALLOWED_UPDATES.every((kind) => current.allowed.includes(kind));
  if (isRegistered && (url === "" || hasAllowedUpdates)) return undefined;
  const outcome = await bot.setWebhook(url, secret);
  if (outcome.kind !== "done") return formatFailureReason(outcome);
  await store.commit({ put: [{ key: REGISTERED_WEBHOOK_KEY, value: { mark: fingerprint } }] });
  log.info(url === "" ? "telegram webhook removed: updates are polled" : "telegram webhook set", { url });
  return undefined;
}

function formatFailureReason(failure: BotFailure): string {
  return failure.kind === "wait" ? `too many calls, wait ${failure.ms} ms` : failure.reason;
}
