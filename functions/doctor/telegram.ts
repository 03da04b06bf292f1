/** Checks of Telegram: the bot, its chat, its users, and the way in which updates arrive. */

import type { Settings, TelegramSettings } from "../../shared/config/settings.ts";
import type { BotFailure, ChatId, TelegramBot, TelegramBotChecks } from "../../shared/telegram/bot.ts";
import { cleanLine } from "../../shared/text.ts";
import { collectFindings, createReport, type Finding } from "./findings.ts";

const OWN_BOT_HINT = "Create a separate bot for Groundcrew (BotFather, /newbot): it cannot share OpenClaw's.";

/** Checks the bot's token, its chat, and whether updates arrive in the configured way (webhook or polling). */
export async function checkTelegram(
  bot: TelegramBot & TelegramBotChecks,
  { telegram, people, publicUrl }: Settings,
): Promise<Finding[]> {
  if (!telegram) return [];
  const me = await bot.getMe();
  if (me.kind !== "me") return [explainTelegramFailure(me)];
  const chat = await checkTelegramChat(bot, me.username, telegram.chat);
  const webhook = await bot.getWebhook();
  const expectedUrl = telegram.mode === "webhook" ? `${publicUrl ?? ""}/webhooks/telegram` : undefined;
  return collectFindings(
    createReport("telegram").ok`@${me.username}`,
    chat,
    webhook.kind === "webhook" ? checkTelegramWebhook(webhook, expectedUrl) : explainTelegramFailure(webhook),
    ...checkTelegramUsers(telegram, people),
  );
}

/** Who may give commands: the people of the list, and numbers without a name. What the list says wins. */
function checkTelegramUsers({ allowedUsers }: TelegramSettings, people: Settings["people"] = []): Finding[] {
  const { warning } = createReport("telegram users");
  const numbers = people.flatMap(({ telegram }) => telegram ?? []);
  if (allowedUsers.length + numbers.length === 0)
    return [
      warning`the bot accepts no user
        → Set TELEGRAM_ALLOWED_USERS to the Telegram user ids that may give commands, or name them in people.`,
    ];
  if (allowedUsers.length === 0 || people.length === 0) return [];
  const unnamed = allowedUsers.filter((user) => !numbers.includes(user));
  const more = people.filter(({ telegram }) => telegram !== undefined && !allowedUsers.includes(telegram));
  return collectFindings(
    unnamed.length > 0 &&
      warning`${unnamed.join(", ")} in TELEGRAM_ALLOWED_USERS: no name in people, so their answers have Telegram's
        → Give the numbers to their people (telegram), or remove them from TELEGRAM_ALLOWED_USERS.`,
    more.length > 0 &&
      warning`${more.map(({ email, telegram }) => `${email} (${telegram})`).join(", ")} in people: not in
        TELEGRAM_ALLOWED_USERS, and may give commands all the same
        → What people says wins: TELEGRAM_ALLOWED_USERS can be removed once all its numbers have names there.`,
  );
}

/** All notifications go to this chat, so a bot that cannot see it can send none. */
async function checkTelegramChat(bot: TelegramBotChecks, username: string, chat: ChatId): Promise<Finding> {
  const name = "telegram chat";
  const { ok, failed } = createReport(name);
  const reply = await bot.getChat(chat);
  if (reply.kind === "chat") return ok`${reply.id}, ${reply.type}${reply.title && ` "${cleanLine(reply.title, 60)}"`}`;
  if (reply.kind !== "refused") return explainTelegramFailure(reply, name);
  const hint =
    typeof chat === "number" && chat > 0
      ? `Check that ${chat} is the person's Telegram user id. They must write /start to @${username} first: a bot cannot begin a chat.`
      : `Add @${username} to the group or channel, or fix TELEGRAM_CHAT_ID; the id of a group begins with "-".`;
  return failed`@${username} cannot see the chat TELEGRAM_CHAT_ID=${chat}: ${reply.reason} → ${hint}`;
}

/** `expectedUrl` is undefined where updates are polled. */
function checkTelegramWebhook(hook: { url: string; lastError?: string }, expectedUrl: string | undefined): Finding {
  const { ok, warning } = createReport("telegram webhook");
  if (expectedUrl === undefined && hook.url !== "")
    return warning`updates are to be polled, but the bot has a webhook at ${formatOrigin(hook.url)}, which prevents polling
      → Groundcrew removes it at startup. If it returns, another program uses this bot. ${OWN_BOT_HINT}`;
  if (expectedUrl === undefined) return ok`none: updates are polled`;
  if (hook.url === "")
    return warning`the bot has no webhook, so Telegram delivers no updates
      → Groundcrew registers it at startup. If it disappears again, another program polls this bot. ${OWN_BOT_HINT}`;
  if (hook.url !== expectedUrl)
    return warning`the webhook leads to ${formatOrigin(hook.url)}, not to ${expectedUrl}
      → Groundcrew registers it at startup. If it changes again, another program uses this bot. ${OWN_BOT_HINT}`;
  if (hook.lastError !== undefined)
    return warning`${expectedUrl} is registered; Telegram's last error: ${hook.lastError}
      → If commands get no reply, check that PUBLIC_URL is reachable from the internet with a valid certificate.`;
  return ok`${expectedUrl} is registered, without errors`;
}

function explainTelegramFailure(failure: BotFailure, name = "telegram"): Finding {
  const { warning, failed } = createReport(name);
  if (failure.kind === "wait")
    return warning`Telegram's rate limit is reached: it asks to wait ${Math.ceil(failure.ms / 1000)} s
      → Run the doctor again later.`;
  if (failure.kind === "refused")
    return failed`${failure.reason} → Fix TELEGRAM_BOT_TOKEN: BotFather shows it with /token.`;
  return failed`${failure.reason} → Check that this machine can reach TELEGRAM_API_ROOT.`;
}

/** Shows only the origin, because the path of another program's webhook may contain its secret. */
function formatOrigin(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : "another address";
}
