import type { CommandDeps } from "../commands/command.ts";

/** The bot's id and name at Telegram. */
export interface BotIdentity {
  id: number;
  username: string;
}

/** Returns who the bot is, from the cache after the first call; undefined while Telegram does not answer. */
export async function readBotIdentity({
  telegram,
  cache,
}: Pick<CommandDeps, "telegram" | "cache">): Promise<BotIdentity | undefined> {
  // Versions up to 0.2 cached the name alone.
  const cached = await cache.getItem<Partial<BotIdentity>>("telegram-me");
  if (cached?.id !== undefined && cached.username !== undefined) return { id: cached.id, username: cached.username };
  const me = await telegram?.getMe();
  if (me?.kind !== "me") return undefined;
  const identity = { id: me.id, username: me.username };
  await cache.setItem("telegram-me", { ...identity });
  return identity;
}

/** Whether a command that names a bot, as `/plane@some_bot`, is for this one. While that is unknown, it is. */
export async function isForThisBot(deps: Pick<CommandDeps, "telegram" | "cache">, bot: string | undefined) {
  if (bot === undefined) return true;
  const identity = await readBotIdentity(deps);
  return identity === undefined || identity.username.toLowerCase() === bot.toLowerCase();
}

/** Removes the mentions of a bot from a text; undefined when there is none. */
export function removeMention(text: string, username: string): string | undefined {
  const mention = new RegExp(`(^|[^\\w@/])@${username}(?!\\w)`, "gi");
  const rest = text.replace(mention, "$1");
  return rest === text ? undefined : rest.replace(/^[\s,:;–-]+/, "").trim();
}
