import { cleanLine } from "../../shared/clean-text.ts";
import type { Settings } from "../../shared/config/settings.ts";
import type { BotFailure, ChatId, TelegramBot, TelegramBotChecks } from "../../shared/telegram/telegram-bot.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";

const OWN_BOT_HINT = "Create a separate bot for Groundcrew (BotFather, /newbot): it cannot share OpenClaw's.";

/** Checks the bot's token, its chat, and whether updates arrive in the configured way (webhook or polling). */
export async function checkTelegram(
  bot: TelegramBot & TelegramBotChecks,
  { telegram, publicUrl }: Settings,
): Promise<DoctorCheck[]> {
  if (!telegram) return [];
  const me = await bot.getMe();
  if (me.kind !== "me") return [explainTelegramFailure(me)];
  const checks = [reportOk("telegram", `@${me.username}`), await checkTelegramChat(bot, me.username, telegram.chat)];
  const webhook = await bot.getWebhook();
  if (webhook.kind !== "webhook") checks.push(explainTelegramFailure(webhook));
  else
    checks.push(
      checkTelegramWebhook(
        webhook,
        telegram.mode,
        telegram.mode === "webhook" ? `${publicUrl ?? ""}/webhooks/telegram` : "",
      ),
    );
  if (telegram.allowedUsers.length === 0)
    checks.push(
      reportWarning(
        "telegram users",
        "the bot accepts no user",
        "Set TELEGRAM_ALLOWED_USERS to the Telegram user ids that may give commands.",
      ),
    );
  return checks;
}

/** All notifications go to this chat, so a bot that cannot see it can send none. */
async function checkTelegramChat(bot: TelegramBotChecks, username: string, chat: ChatId): Promise<DoctorCheck> {
  const name = "telegram chat";
  const chatReply = await bot.getChat(chat);
  if (chatReply.kind === "chat")
    return reportOk(
      name,
      `${chatReply.id}, ${chatReply.type}${chatReply.title && ` "${cleanLine(chatReply.title, 60)}"`}`,
    );
  if (chatReply.kind !== "refused") return explainTelegramFailure(chatReply, name);
  return reportFailure(
    name,
    `@${username} cannot see the chat TELEGRAM_CHAT_ID=${chat}: ${chatReply.reason}`,
    typeof chat === "number" && chat > 0
      ? `Check that ${chat} is the person's Telegram user id. They must write /start to @${username} first: a bot cannot begin a chat.`
      : `Add @${username} to the group or channel, or fix TELEGRAM_CHAT_ID; the id of a group begins with "-".`,
  );
}

function checkTelegramWebhook(
  hook: { url: string; lastError?: string },
  mode: "webhook" | "polling",
  expectedUrl: string,
): DoctorCheck {
  const name = "telegram webhook";
  if (mode === "polling" && hook.url !== "")
    return reportWarning(
      name,
      `updates are to be polled, but the bot has a webhook at ${formatOrigin(hook.url)}, which prevents polling`,
      `Groundcrew removes it at startup. If it returns, another program uses this bot. ${OWN_BOT_HINT}`,
    );
  if (mode === "polling") return reportOk(name, "none: updates are polled");
  if (hook.url === "")
    return reportWarning(
      name,
      "the bot has no webhook, so Telegram delivers no updates",
      `Groundcrew registers it at startup. If it disappears again, another program polls this bot. ${OWN_BOT_HINT}`,
    );
  if (hook.url !== expectedUrl)
    return reportWarning(
      name,
      `the webhook leads to ${formatOrigin(hook.url)}, not to ${expectedUrl}`,
      `Groundcrew registers it at startup. If it changes again, another program uses this bot. ${OWN_BOT_HINT}`,
    );
  if (hook.lastError !== undefined)
    return reportWarning(
      name,
      `${expectedUrl} is registered; Telegram's last error: ${hook.lastError}`,
      "If commands get no reply, check that PUBLIC_URL is reachable from the internet with a valid certificate.",
    );
  return reportOk(name, `${expectedUrl} is registered, without errors`);
}

function explainTelegramFailure(failure: BotFailure, name = "telegram"): DoctorCheck {
  switch (failure.kind) {
    case "wait":
      return reportWarning(
        name,
        `Telegram's rate limit is reached: it asks to wait ${Math.ceil(failure.ms / 1000)} s`,
        "Run the doctor again later.",
      );
    case "refused":
      return reportFailure(name, failure.reason, "Fix TELEGRAM_BOT_TOKEN: BotFather shows it with /token.");
    default:
      return reportFailure(name, failure.reason, "Check that this machine can reach TELEGRAM_API_ROOT.");
  }
}

/** Shows only the origin, because the path of another program's webhook may contain its secret. */
function formatOrigin(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : "another address";
}
