import { cleaned } from "../../shared/clean.ts";
import type { Settings } from "../../shared/config.ts";
import type { Bot, BotLook, Chat, Failure } from "../../shared/telegram/bot.ts";
import { type Check, failed, ok, warning } from "./check.ts";

const OWN_BOT = "Give Groundcrew a bot of its own (BotFather, /newbot): OpenClaw's cannot be shared.";

/** The bot's token, its chat, and whether its updates come the way the settings say. */
export async function telegramChecks(bot: Bot & BotLook, { telegram, publicUrl }: Settings): Promise<Check[]> {
  if (!telegram) return [];
  const me = await bot.me();
  if (me.kind !== "me") return [refused(me)];
  const checks = [ok("telegram", `@${me.username}`), await chatCheck(bot, me.username, telegram.chat)];
  const hook = await bot.webhook();
  if (hook.kind !== "webhook") checks.push(refused(hook));
  else
    checks.push(
      webhookCheck(hook, telegram.mode, telegram.mode === "webhook" ? `${publicUrl ?? ""}/webhooks/telegram` : ""),
    );
  if (telegram.allowedUsers.length === 0)
    checks.push(
      warning(
        "telegram users",
        "the bot listens to nobody",
        "Set TELEGRAM_ALLOWED_USERS to the numbers of those who may.",
      ),
    );
  return checks;
}

/** What is to be told goes there: a bot that does not see it can tell nobody. */
async function chatCheck(bot: BotLook, username: string, chat: Chat): Promise<Check> {
  const name = "telegram chat";
  const seen = await bot.chat(chat);
  if (seen.kind === "chat") return ok(name, `${seen.id}, ${seen.type}${seen.title && ` "${cleaned(seen.title, 60)}"`}`);
  if (seen.kind !== "refused") return refused(seen, name);
  return failed(
    name,
    `@${username} does not see TELEGRAM_CHAT_ID ${chat}: ${seen.reason}`,
    typeof chat === "number" && chat > 0
      ? `That person must write to @${username} first (/start): a bot cannot begin. Is ${chat} their number?`
      : `Add @${username} to the group or channel, or mend TELEGRAM_CHAT_ID; a group's number begins with "-".`,
  );
}

function webhookCheck(hook: { url: string; lastError?: string }, mode: "webhook" | "polling", wanted: string): Check {
  const name = "telegram webhook";
  if (mode === "polling" && hook.url !== "")
    return warning(
      name,
      `the bot is to be polled, but has a webhook at ${originOf(hook.url)}: while it is there nobody can poll`,
      `The runtime takes it away when it starts. When it comes back, another program uses this bot. ${OWN_BOT}`,
    );
  if (mode === "polling") return ok(name, "none, updates are polled");
  if (hook.url === "")
    return warning(
      name,
      "the bot has none, so Telegram tells nobody what people say",
      `The runtime sets it when it starts. When it is gone again, another program polls this bot. ${OWN_BOT}`,
    );
  if (hook.url !== wanted)
    return warning(
      name,
      `it is at ${originOf(hook.url)}, not at ${wanted}`,
      `The runtime sets it when it starts. When it is changed again, another program uses this bot. ${OWN_BOT}`,
    );
  if (hook.lastError !== undefined)
    return warning(
      name,
      `${wanted} is set; Telegram's last trouble with it: ${hook.lastError}`,
      "When messages are not heard: is PUBLIC_URL reachable from the internet, with a valid certificate?",
    );
  return ok(name, `${wanted} is set and in order`);
}

function refused(failure: Failure, name = "telegram"): Check {
  switch (failure.kind) {
    case "wait":
      return warning(
        name,
        `too many calls: Telegram asks to wait ${Math.ceil(failure.ms / 1000)} s`,
        "Ask again later.",
      );
    case "refused":
      return failed(name, failure.reason, "Mend TELEGRAM_BOT_TOKEN: BotFather shows it with /token.");
    default:
      return failed(name, failure.reason, "Can this machine reach TELEGRAM_API_ROOT?");
  }
}

/** Another program's address may hold its secret in the path. */
function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : "another address";
}
