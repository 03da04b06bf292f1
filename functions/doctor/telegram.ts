import { cleanLine } from "../../shared/clean-text.ts";
import type { Settings } from "../../shared/config/settings.ts";
import type { BotFailure, ChatId, TelegramBot, TelegramBotChecks } from "../../shared/telegram/bot.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";

const OWN_BOT_HINT = "Give Groundcrew a bot of its own (BotFather, /newbot): OpenClaw's cannot be shared.";

/** The bot's token, its chat, and whether its updates come the way the settings say. */
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
        "the bot listens to nobody",
        "Set TELEGRAM_ALLOWED_USERS to the numbers of those who may.",
      ),
    );
  return checks;
}

/** What is to be told goes there: a bot that does not see it can tell nobody. */
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
    `@${username} does not see TELEGRAM_CHAT_ID ${chat}: ${chatReply.reason}`,
    typeof chat === "number" && chat > 0
      ? `That person must write to @${username} first (/start): a bot cannot begin. Is ${chat} their number?`
      : `Add @${username} to the group or channel, or mend TELEGRAM_CHAT_ID; a group's number begins with "-".`,
  );
}

function checkTelegramWebhook(
  hook: { url: string; lastError?: string },
  mode: "webhook" | "polling",
  wanted: string,
): DoctorCheck {
  const name = "telegram webhook";
  if (mode === "polling" && hook.url !== "")
    return reportWarning(
      name,
      `the bot is to be polled, but has a webhook at ${formatOrigin(hook.url)}: while it is there nobody can poll`,
      `The runtime takes it away when it starts. When it comes back, another program uses this bot. ${OWN_BOT_HINT}`,
    );
  if (mode === "polling") return reportOk(name, "none, updates are polled");
  if (hook.url === "")
    return reportWarning(
      name,
      "the bot has none, so Telegram tells nobody what people say",
      `The runtime sets it when it starts. When it is gone again, another program polls this bot. ${OWN_BOT_HINT}`,
    );
  if (hook.url !== wanted)
    return reportWarning(
      name,
      `it is at ${formatOrigin(hook.url)}, not at ${wanted}`,
      `The runtime sets it when it starts. When it is changed again, another program uses this bot. ${OWN_BOT_HINT}`,
    );
  if (hook.lastError !== undefined)
    return reportWarning(
      name,
      `${wanted} is set; Telegram's last trouble with it: ${hook.lastError}`,
      "When messages are not heard: is PUBLIC_URL reachable from the internet, with a valid certificate?",
    );
  return reportOk(name, `${wanted} is set and in order`);
}

function explainTelegramFailure(failure: BotFailure, name = "telegram"): DoctorCheck {
  switch (failure.kind) {
    case "wait":
      return reportWarning(
        name,
        `too many calls: Telegram asks to wait ${Math.ceil(failure.ms / 1000)} s`,
        "Ask again later.",
      );
    case "refused":
      return reportFailure(name, failure.reason, "Mend TELEGRAM_BOT_TOKEN: BotFather shows it with /token.");
    default:
      return reportFailure(name, failure.reason, "Can this machine reach TELEGRAM_API_ROOT?");
  }
}

/** Another program's address may hold its secret in the path. */
function formatOrigin(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : "another address";
}
