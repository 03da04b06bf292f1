import type { Deps, Service } from "../../../shared/app/deps.ts";
import { getErrorMessage } from "../../../shared/errors.ts";
import { sha256Hex } from "../../../shared/hashing/sha256-hex.ts";
import type { BotCommand, BotFailure, TelegramBot } from "../../../shared/telegram/bot.ts";
import { ALLOWED_UPDATES } from "../../../shared/telegram/updates.ts";
import { getWebhookSecrets } from "../../../shared/telegram/webhook-secrets.ts";
import { MINUTE, type Ms } from "../../../shared/time.ts";
import { COMMAND_MENU } from "./command-menu.ts";

const RETRY_INTERVAL: Ms = MINUTE;
/** Telegram does not tell a webhook's secret: what was registered last is remembered by its hash. */
export const REGISTERED_WEBHOOK_KEY = "telegram-registered";

type BotSetupDeps = Pick<Deps, "settings" | "store" | "telegram" | "log" | "wait" | "stopping">;

/** Brings the bot's webhook and command menu in line with the settings, when they differ; tries until it is done. */
export const botSetupService: Service = {
  name: "telegram-set-up",
  async run(deps) {
    while (!deps.stopping.aborted) {
      const problem = await setUpBot(deps).catch((thrown: unknown) => getErrorMessage(thrown));
      if (problem === undefined) return;
      deps.log.warn("the telegram bot is not set up yet", { reason: problem });
      await deps.wait(RETRY_INTERVAL, deps.stopping);
    }
  },
};

/** Answers why it is not done; undefined when it is. */
export async function setUpBot(deps: BotSetupDeps): Promise<string | undefined> {
  const { telegram: bot, settings } = deps;
  if (!bot || !settings.telegram) return undefined;
  // Without the webhook nobody is heard: a menu that is refused does not keep it waiting.
  const problems: (string | undefined)[] = [];
  for (const [language, commands] of Object.entries(COMMAND_MENU))
    problems.push(await updateMenu(bot, language, commands));
  problems.push(await updateWebhook(deps, bot));
  return problems.find((reason) => reason !== undefined);
}

async function updateMenu(
  bot: TelegramBot,
  language: string,
  wanted: readonly BotCommand[],
): Promise<string | undefined> {
  const current = await bot.getCommands(language);
  if (current.kind !== "commands") return formatFailureReason(current);
  if (JSON.stringify(current.commands) === JSON.stringify(wanted)) return undefined;
  const outcome = await bot.setCommands(language, wanted);
  return outcome.kind === "done" ? undefined : formatFailureReason(outcome);
}

async function updateWebhook({ settings, store, log }: BotSetupDeps, bot: TelegramBot): Promise<string | undefined> {
  const { telegram, publicUrl } = settings;
  if (!telegram) return undefined;
  const [secret = ""] = await getWebhookSecrets(telegram);
  const url = telegram.mode === "webhook" && publicUrl ? `${publicUrl}/webhooks/telegram` : "";
  const current = await bot.getWebhook();
  if (current.kind !== "webhook") return formatFailureReason(current);
  if (current.lastError) log.warn("telegram could not deliver to the webhook lately", { reason: current.lastError });
  const fingerprint = await sha256Hex(`${url} ${secret}`);
  const [registered] = await store.read<{ mark: string }>([REGISTERED_WEBHOOK_KEY]);
  const isRegistered = current.url === url && (url === "" || registered?.value.mark === fingerprint);
  const hasAllowedUpdates = ALLOWED_UPDATES.every((kind) => current.allowed.includes(kind));
  if (isRegistered && (url === "" || hasAllowedUpdates)) return undefined;
  const outcome = await bot.setWebhook(url, secret);
  if (outcome.kind !== "done") return formatFailureReason(outcome);
  await store.commit({ put: [{ key: REGISTERED_WEBHOOK_KEY, value: { mark: fingerprint } }] });
  log.info(url === "" ? "telegram webhook taken away: updates are polled" : "telegram webhook set", { url });
  return undefined;
}

function formatFailureReason(failure: BotFailure): string {
  return failure.kind === "wait" ? `too many calls, wait ${failure.ms} ms` : failure.reason;
}
