import type { TelegramSettings } from "../config/settings.ts";
import { sha256Hex } from "../hashing/sha256-hex.ts";

/**
 * Returns the secrets that prove an update comes from Telegram; the first one is registered. Without a setting the
 * secret is derived from the bot's token, which Telegram knows anyway.
 */
export async function getWebhookSecrets(
  telegram: Pick<TelegramSettings, "token" | "webhookSecrets">,
): Promise<string[]> {
  if (telegram.webhookSecrets.length > 0) return [...telegram.webhookSecrets];
  return [await sha256Hex(`groundcrew telegram webhook ${telegram.token}`)];
}
